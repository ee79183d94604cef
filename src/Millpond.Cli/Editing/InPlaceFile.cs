using Millpond.Cli.Files;

namespace Millpond.Cli.Editing;

/// <summary>Changes a file where it is, by a new content that takes its place at once.</summary>
internal static class InPlaceFile
{
    /// <param name="path">The file; where it is a link, what it leads to is replaced.</param>
    /// <param name="write">Writes the new content; gives whether it is to be kept.</param>
    public static bool Replace(string path, Func<Stream, Stream, bool> write)
    {
        var target = Target(path);
        using var input = InputFile.Open(target);
        return FileReplacement.TryWrite(target, output => write(input, output));
    }

    /// <summary>Removes what runs that were killed have left beside the files, also of those that this one does not change.</summary>
    public static void RemoveLeftovers(IEnumerable<string> paths) =>
        FileReplacement.RemoveLeftovers(paths.Where(path => path != FileSelection.StandardInput).Select(Target));

    private static string Target(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
}
