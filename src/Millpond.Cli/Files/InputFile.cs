namespace Millpond.Cli.Files;

/// <summary>Opens what a verb reads: a file, standard input, or what a shell puts in a file's place, and nothing that would never come to an end.</summary>
internal static class InputFile
{
    private static readonly string[] OfTheShell = ["/dev/fd/", "/dev/stdin", "/proc/self/fd/"];

    /// <exception cref="IOException">It is no file, or cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static Stream Open(string path)
    {
        if (WhatIsWrong(path) is { } wrong)
        {
            throw new IOException(wrong);
        }

        return File.OpenRead(path);
    }

    /// <summary>All of a short file.</summary>
    /// <exception cref="IOException">It is no file, or cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static byte[] ReadAll(string path)
    {
        using var input = Open(path);
        using var content = new MemoryStream();
        input.CopyTo(content);
        return content.ToArray();
    }

    /// <summary>Why it is not read; null for a file, for what is not there, and for a pipe that the shell has made (<c>&lt;(…)</c>).</summary>
    public static string? WhatIsWrong(string path) => FileFacts.Of(path).Kind switch
    {
        FileKind.Pipe when IsOfTheShell(path) => null,
        FileKind.Pipe => "is a named pipe, and may never come to an end; read it as standard input (- < PIPE)",
        FileKind.CharacterDevice or FileKind.BlockDevice => "is a device, not a file",
        FileKind.Socket => "is a socket, not a file",
        FileKind.Absent or FileKind.Regular or FileKind.Folder or FileKind.Link => null,
    };

    private static bool IsOfTheShell(string path) =>
        Array.Exists(OfTheShell, beginning => Path.GetFullPath(path).StartsWith(beginning, StringComparison.Ordinal));
}
