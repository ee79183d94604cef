using System.Text;
using System.Text.RegularExpressions;

namespace Millpond.Tests.Rewriting;

/// <summary>What the corpus' tables say of each line, as edits that are made without a parser.</summary>
internal sealed partial record Expectations(string File, int Line, string Old, string New)
{
    public static List<Expectations> Read()
    {
        var edits = new HashSet<Expectations>();
        foreach (var row in Corpus.Table("EXPECTED.tsv").Where(row => row["reference"] != row["rewritten"]))
        {
            edits.Add(new(row["file"], int.Parse(row["line"], null), row["reference"], row["rewritten"]));
        }

        foreach (var row in Corpus.Table("EXPECTED_VALUES.tsv").Where(row => row["edits"].Length > 0))
        {
            foreach (var part in row["edits"].Split("; "))
            {
                var match = ValuesEdit().Match(part);
                Assert.True(match.Success, part);
                edits.Add(new(row["file"], int.Parse(match.Groups[1].Value, null), match.Groups[2].Value, match.Groups[3].Value));
            }
        }

        return [.. edits];
    }

    public static byte[] Apply(byte[] content, IEnumerable<Expectations> edits)
    {
        var lines = Encoding.Latin1.GetString(content).Split('\n');
        foreach (var edit in edits)
        {
            var line = lines[edit.Line - 1];
            var (old, new_) = Spellings(edit).First(spelling => line.Contains(spelling.Old, StringComparison.Ordinal));
            // From the end: a key may be spelt like the value ("name: name").
            var at = line.LastIndexOf(old, StringComparison.Ordinal);
            var comment = line.IndexOf(" #", StringComparison.Ordinal);
            at = comment > 0 && at > comment ? line.LastIndexOf(old, comment, StringComparison.Ordinal) : at;
            lines[edit.Line - 1] = string.Concat(line.AsSpan(0, at), new_, line.AsSpan(at + old.Length));
        }

        return Encoding.Latin1.GetBytes(string.Join('\n', lines));
    }

    public static string FirstDifference(byte[] expected, byte[] output)
    {
        var left = Encoding.Latin1.GetString(expected).Split('\n');
        var right = Encoding.Latin1.GetString(output).Split('\n');
        var line = left.Zip(right).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"line {line + 1}: '{left.ElementAtOrDefault(line)}' expected, '{right.ElementAtOrDefault(line)}' it is";
    }

    // As it is, or as JSON may write it.
    private static IEnumerable<(string Old, string New)> Spellings(Expectations edit)
    {
        yield return (edit.Old, edit.New);
        yield return (edit.Old.Replace("/", "\\/", StringComparison.Ordinal), edit.New.Replace("/", "\\/", StringComparison.Ordinal));
        yield return ($"\\u{(int)edit.Old[0]:x4}{edit.Old[1..]}", edit.New);
    }

    [GeneratedRegex(@"\AL(\d+) \S+: (\S+) -> (\S+)\z")]
    private static partial Regex ValuesEdit();
}
