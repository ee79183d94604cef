using System.Text.RegularExpressions;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Rewriting;

/// <summary>
/// A small input with the structure of a real file of some tool. Marked in it is what becomes of each reference: <c>⟦before → after⟧</c>
/// is changed, <c>⟦reference ~ reason⟧</c> is told and stays. Nothing else is changed or told.
/// </summary>
internal sealed partial record Structure(string Tool, string File, string From, string Marked)
{
    public string Before => Mark().Replace(Marked, match => match.Groups["old"].Value);

    public string After => Mark().Replace(Marked, match => match.Groups["new"].Success ? match.Groups["new"].Value : match.Groups["old"].Value);

    /// <summary>What is told and stays, as <c>line reference reason</c>.</summary>
    public IEnumerable<string> Told => Mark().Matches(Marked)
        .Where(match => match.Groups["reason"].Success)
        .Select(match => $"{Marked.AsSpan(0, match.Index).Count('\n') + 1} {match.Groups["old"].Value} {match.Groups["reason"].Value}");

    public static IReadOnlyList<Structure> All { get; } =
        [.. Directory.EnumerateFiles(Path.Join(SourceTree.Top, "tests/Millpond.Tests/Rewriting/Structures"), "*.txt").Order(StringComparer.Ordinal).SelectMany(Read)];

    private static IEnumerable<Structure> Read(string file)
    {
        foreach (var part in ("\n" + ReadText(file)).Split("\n### ").Skip(1))
        {
            var end = part.IndexOf('\n', StringComparison.Ordinal);
            var head = part[..end].Split(" · ");
            yield return new Structure(head[0], head[1], head[2], part[(end + 1)..].TrimEnd('\n') + "\n");
        }
    }

    private static string ReadText(string path) => System.IO.File.ReadAllText(path);

    [GeneratedRegex("⟦(?<old>[^⟧]*?) (?:→ (?<new>[^⟧]*)|~ (?<reason>[^⟧]*))⟧")]
    private static partial Regex Mark();
}
