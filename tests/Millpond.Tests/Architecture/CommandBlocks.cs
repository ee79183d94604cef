using System.Text.RegularExpressions;

namespace Millpond.Tests.Architecture;

/// <summary>The command lines that the documentation shows, as they are written there.</summary>
internal static partial class CommandBlocks
{
    private static readonly string[] Pages =
        ["README.md", .. Directory.EnumerateFiles(Path.Join(SourceTree.Top, "docs"), "*.md").Select(path => Path.GetRelativePath(SourceTree.Top, path)), "deploy/helm/millpond/README.md"];

    /// <summary>Every block of commands of every page.</summary>
    public static IEnumerable<(string Page, string Script)> All => Pages.SelectMany(page => Of(page).Select(script => (page, script)));

    /// <summary>The blocks of one page, without the indentation of the list they stand in.</summary>
    public static IEnumerable<string> Of(string page) => Block().Matches(File.ReadAllText(Path.Join(SourceTree.Top, page))).Select(block =>
        string.Join('\n', block.Groups["text"].Value.Split('\n').Select(line => line.StartsWith(block.Groups["indent"].Value, StringComparison.Ordinal) ? line[block.Groups["indent"].Length..] : line)));

    /// <summary>The commands of a script that run this program, each as its words.</summary>
    public static IEnumerable<string[]> OfMillpond(string script) =>
        Continued().Replace(script, " ").Split('\n').SelectMany(line => Comment().Replace(line, "").Split(" | ")).Select(command => command.Trim())
            .Where(command => command.StartsWith("millpond ", StringComparison.Ordinal))
            .Select(command => Redirection().Replace(command, "").Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]);

    [GeneratedRegex("^(?<indent> *)```(console|sh)\n(?<text>.*?)^ *```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continued();

    [GeneratedRegex(@"(^|\s)#.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\s>\s*\S+$")]
    private static partial Regex Redirection();
}
