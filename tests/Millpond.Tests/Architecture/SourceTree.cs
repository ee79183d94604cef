using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Millpond.Tests.Architecture;

/// <summary>A C# file of the repository, by its path from the top.</summary>
public sealed record SourceFile(string Path, string Text)
{
    private readonly Lazy<SyntaxNode> root = new(() => CSharpSyntaxTree.ParseText(Text).GetRoot());

    public SyntaxNode Root => root.Value;

    public int Lines => Text.AsSpan().TrimEnd('\n').Count('\n') + 1;

    /// <summary>The part of the program a file belongs to: a folder of the server, <c>Host</c> for the server's own top, or the project.</summary>
    public string Part => Path.Split('/') switch
    {
        ["src", "Millpond.Server", var folder, _, ..] => folder,
        ["src", "Millpond.Server", _] => "Host",
        ["src", var project, ..] => project["Millpond.".Length..],
        _ => "",
    };
}

/// <summary>The repository that these tests were built from.</summary>
public static class SourceTree
{
    private static readonly string[] NotOurs = ["artifacts", ".git", ".tools", "TestResults", "millpond-data", "obj", "bin", "node_modules"];

    public static string Top { get; } = FindTop();

    /// <summary>Every C# file under <c>src</c> or <c>tests</c>.</summary>
    public static IReadOnlyList<SourceFile> Read(string folder) =>
        [.. Files(folder).Where(path => path.EndsWith(".cs", StringComparison.Ordinal)).Select(path => new SourceFile(path, File.ReadAllText(Path.Join(Top, path))))];

    /// <summary>Paths from the top, without what builds and tools leave behind.</summary>
    public static IEnumerable<string> Files(string folder = "")
    {
        var start = new DirectoryInfo(Path.Join(Top, folder));
        foreach (var entry in start.EnumerateFileSystemInfos())
        {
            var path = Path.GetRelativePath(Top, entry.FullName);
            if (NotOurs.Contains(entry.Name, StringComparer.Ordinal) || entry.LinkTarget is not null)
            {
                continue;
            }

            foreach (var file in entry is DirectoryInfo ? Files(path) : [path])
            {
                yield return file;
            }
        }
    }

    private static string FindTop()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Join(folder.FullName, "Millpond.slnx")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests must lie under the repository.");
        }

        return folder.FullName;
    }
}
