using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Millpond.Cli.Editing;
using Millpond.Rewriting.Edits;

namespace Millpond.Tests.Cli;

/// <summary>The diff is one that <c>patch</c> would take: it is applied here by the letter.</summary>
public sealed partial class DiffTests
{
    [Theory]
    [InlineData("a\nb\nc\n", 1, 2, "x")]
    [InlineData("a", 1, 0, "x")]
    [InlineData("a\nb", 2, 2, "b\nc")]
    [InlineData("a\nb\n", 2, 2, "new\nb")]
    [InlineData("1\n2\n3\n4\n5\n6\n7\n8\n9\n", 5, 8, "x")]
    public void It_says_what_an_edit_changes(string text, int line, int offset, string replacement)
    {
        var end = text.IndexOf('\n', offset);
        var original = text[offset..(end < 0 ? text.Length : end)];
        var expected = text[..offset] + replacement + text[(offset + original.Length)..];
        Assert.Equal(expected, Apply(text, Write(text, new TextEdit(offset, line, original, replacement))));
    }

    [Theory]
    [InlineData("a.yaml", "a.yaml")]
    [InlineData("./x/a.yaml", "x/a.yaml")]
    [InlineData("/x//a.yaml", "x/a.yaml")]
    [InlineData("é/日.yaml", "é/日.yaml")]
    [InlineData("a b.yaml", "a b.yaml\t")]
    [InlineData("-", "stdin")]
    public void It_names_files_so_that_patch_and_git_find_them(string path, string name)
    {
        using var output = new MemoryStream();
        UnifiedDiff.Write(path, new MemoryStream("a\n"u8.ToArray()), [new TextEdit(0, 1, "a", "b")], output);
        Assert.StartsWith($"--- a/{name}\n+++ b/{name}\n@@ ", Encoding.UTF8.GetString(output.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void It_knows_added_lines()
    {
        const string Text = "images:\n- name: a\n  newTag: x\n";
        Assert.Equal("images:\n- name: a\n  newName: y\n  newTag: x\n", Apply(Text, Write(Text, new TextEdit(18, 3, "", "  newName: y\n"))));
        Assert.Equal("- name: a\n  newName: y", Apply("- name: a", Write("- name: a", new TextEdit(9, 1, "", "\n  newName: y"))));
        Assert.Equal("a: b\nc", Apply("a: b\n", Write("a: b\n", new TextEdit(5, 2, "", "c"))));
    }

    [Fact]
    public void Changes_far_apart_are_hunks_of_their_own()
    {
        var text = string.Concat(Enumerable.Range(0, 40).Select(i => $"line {i:00}\n"));
        TextEdit[] edits = [new(8 * 2, 3, "line 02", "x"), new(8 * 9, 10, "line 09", "y"), new(8 * 30, 31, "line 30", "z")];
        var diff = Write(text, edits);
        Assert.Equal(2, diff.Split("\n@@").Length - 1);
        Assert.Equal(text.Replace("line 02", "x", StringComparison.Ordinal).Replace("line 09", "y", StringComparison.Ordinal).Replace("line 30", "z", StringComparison.Ordinal), Apply(text, diff));
    }

    /// <summary>A strict <c>patch</c>: every hunk at its line, every context line as it is.</summary>
    internal static string Apply(string text, string diff)
    {
        var old = Lines(text);
        var result = new StringBuilder();
        var at = 0;
        var lines = Lines(diff);
        Assert.StartsWith("--- a/", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("+++ b/", lines[1], StringComparison.Ordinal);
        for (var i = 2; i < lines.Count;)
        {
            var header = Hunk().Match(lines[i++]);
            Assert.True(header.Success, lines[i - 1]);
            var (start, oldCount, newCount) = (Number(header, 1), Number(header, 2), Number(header, 4));
            result.AppendJoin("", old.Skip(at).Take((oldCount == 0 ? start : start - 1) - at));
            at = oldCount == 0 ? start : start - 1;
            while (oldCount > 0 || newCount > 0)
            {
                var line = lines[i++];
                var body = line[1..];
                if (i < lines.Count && lines[i].StartsWith('\\'))
                {
                    body = body.TrimEnd('\n');
                    i++;
                }

                if (line[0] != '+')
                {
                    Assert.Equal(old[at++], body);
                    oldCount--;
                }

                if (line[0] != '-')
                {
                    result.Append(body);
                    newCount--;
                }
            }
        }

        return result.AppendJoin("", old.Skip(at)).ToString();
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static string Write(string text, params TextEdit[] edits)
    {
        using var output = new MemoryStream();
        UnifiedDiff.Write("x.yaml", new MemoryStream(Encoding.UTF8.GetBytes(text)), edits, output);
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static List<string> Lines(string text)
    {
        var lines = text.Split('\n').Select(line => line + "\n").ToList();
        lines[^1] = lines[^1].TrimEnd('\n');
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }

    [GeneratedRegex(@"\A@@ -(\d+),(\d+) \+(\d+),(\d+) @@\n\z")]
    private static partial Regex Hunk();
}
