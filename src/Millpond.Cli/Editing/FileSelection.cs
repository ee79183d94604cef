using Millpond.Cli.Files;
using Millpond.Rewriting.Formats;

namespace Millpond.Cli.Editing;

/// <summary>The files that a command line names: files themselves, <c>-</c> for standard input, and what a folder holds.</summary>
/// <param name="PassedOver">What a folder holds under the name of such a file and is none, or is somewhere else.</param>
internal sealed record FileSelection(IReadOnlyList<string> Files, bool HasFolder, IReadOnlyList<(string Path, string Why)> PassedOver)
{
    public const string StandardInput = "-";

    private static readonly string[] Skipped = [".git", ".hg", ".svn", ".terraform", "node_modules"];

    public bool IsOne => Files.Count == 1 && !HasFolder;

    /// <exception cref="CommandFailedException">A path is not there.</exception>
    public static FileSelection Of(IEnumerable<string> paths)
    {
        var files = new List<string>();
        var passedOver = new List<(string, string)>();
        var hasFolder = false;
        foreach (var path in paths)
        {
            if (path == StandardInput || File.Exists(path))
            {
                files.Add(path);
            }
            else if (Directory.Exists(path))
            {
                hasFolder = true;
                files.AddRange(Within(path, path, passedOver).Order(StringComparer.Ordinal));
            }
            else
            {
                throw new CommandFailedException(path.StartsWith("--", StringComparison.Ordinal)
                    ? $"There is no option '{path}' here; --help lists them. (A file of that name is ./{path}.)"
                    : $"'{path}' is neither a file nor a folder.");
            }
        }

        return new FileSelection([.. files.DistinctBy(path => path == StandardInput ? path : Path.GetFullPath(path))], hasFolder, passedOver);
    }

    /// <summary>Says what was passed over.</summary>
    public void Report(TextWriter messages)
    {
        foreach (var (path, why) in PassedOver)
        {
            messages.WriteLine($"{path}: passed over: {why}");
        }
    }

    // Links to folders are not followed: what they lead to is met by its own name, or is outside. Those that lead nowhere hold nothing.
    private static IEnumerable<string> Within(string folder, string named, List<(string, string)> passedOver)
    {
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            var path = Path.Join(folder, entry.Name);
            if (entry is FileInfo && FileFormats.ByName(entry.Name) is not null && entry.ResolveLinkTarget(returnFinalTarget: true) is not { Exists: false })
            {
                var why = entry.LinkTarget is not null && !RealPath.IsInside(path, named) ? $"a link that leads out of {named}" : InputFile.WhatIsWrong(path);
                if (why is null)
                {
                    yield return path;
                }
                else
                {
                    passedOver.Add((path, why));
                }
            }
            else if (entry is DirectoryInfo && entry.LinkTarget is null && !Skipped.Contains(entry.Name))
            {
                foreach (var file in Within(path, named, passedOver))
                {
                    yield return file;
                }
            }
        }
    }
}
