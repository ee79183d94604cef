namespace Millpond.Cli.Files;

/// <summary>Opens what the program writes for itself, such as journals and locks, and never what a link of that name leads to.</summary>
internal static class KeptFile
{
    /// <summary>Opens it to be written at its end, making it where there is none.</summary>
    /// <exception cref="IOException">It is a link or no file, or cannot be opened.</exception>
    public static FileStream Open(string path, FileShare share, System.IO.FileOptions options = System.IO.FileOptions.None)
    {
        Refuse(path);
        // What is made anew is made by its own name; a link that leads nowhere yet is not followed either.
        var isNew = FileFacts.OfLink(path).Kind == FileKind.Absent;
        var file = new FileStream(path, isNew ? FileMode.CreateNew : FileMode.Open, FileAccess.ReadWrite, share, 1, options);
        if (!isNew && FileFacts.OfDescriptor((int)file.SafeFileHandle.DangerousGetHandle()).Number != FileFacts.OfLink(path).Number)
        {
            file.Dispose();
            throw new FileNotFoundException($"{path} was replaced while it was opened; try again");
        }

        file.Seek(0, SeekOrigin.End);
        return file;
    }

    /// <exception cref="IOException">It is a link or no file.</exception>
    public static void Refuse(string path)
    {
        switch (FileFacts.OfLink(path).Kind)
        {
            case FileKind.Absent or FileKind.Regular:
                break;
            case FileKind.Link:
                throw new IOException($"{path} is a link, and is not written through; name the file itself");
            case FileKind.Folder:
                throw new IOException($"{path} is a folder; name a file");
            default:
                throw new IOException($"{path} is no file");
        }
    }
}
