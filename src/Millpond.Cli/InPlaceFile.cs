namespace Millpond.Cli;

/// <summary>Replaces a file's content at once: another program sees the old bytes or the new ones, and a crash leaves one of both.</summary>
internal static class InPlaceFile
{
    // Until it is done: what is rewritten may be secret.
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <param name="path">The file; where it is a link, what it leads to is replaced.</param>
    /// <param name="write">Writes the new content; gives whether it is to be kept.</param>
    public static bool Replace(string path, Func<Stream, Stream, bool> write)
    {
        var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        var temporary = Path.Join(Path.GetDirectoryName(target), $".{Path.GetFileName(target)}.{Guid.NewGuid():N}");
        try
        {
            bool keep;
            using (var input = File.OpenRead(target))
            using (var output = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
            {
                keep = write(input, output);
                // The name may reach the disk before the bytes do, and a power cut would leave an empty file.
                output.Flush(flushToDisk: true);
            }

            if (keep)
            {
                File.SetUnixFileMode(temporary, File.GetUnixFileMode(target));
                File.Move(temporary, target, overwrite: true);
            }

            return keep;
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
