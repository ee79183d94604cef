using System.Security.Cryptography;
using System.Text;

namespace Millpond.Cli.Files;

/// <summary>
/// Replaces a file's content at once: another program sees the old bytes or the new ones, and a crash leaves one of both. What a killed
/// process leaves beside the file is found by its name and by nobody holding its lock.
/// </summary>
internal static class FileReplacement
{
    private const string Beginning = ".millpond-new.";

    // Until it is done: what is written may be secret.
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file whole; owner and mode are those of the file that was there.</summary>
    /// <param name="path">The file, which is no link.</param>
    /// <param name="write">Writes the new content.</param>
    /// <param name="mode">Of a file that was not there; null for what is usual.</param>
    public static void Write(string path, Action<Stream> write, UnixFileMode? mode = null) => TryWrite(
        path,
        output =>
        {
            write(output);
            return true;
        },
        mode);

    /// <param name="path">The file, which is no link.</param>
    /// <param name="write">Writes the new content; gives whether it is to be kept.</param>
    /// <param name="mode">Of a file that was not there; null for what is usual.</param>
    public static bool TryWrite(string path, Func<Stream, bool> write, UnixFileMode? mode = null)
    {
        var before = FileFacts.OfLink(path);
        var temporary = Path.Join(FolderOf(path), NameFor(path, Guid.NewGuid().ToString("N")));
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
            if (before.Kind != FileKind.Absent || mode is not null)
            {
                options.UnixCreateMode = OwnerOnly;
            }

            using (var output = new FileStream(temporary, options))
            {
                if (!write(output))
                {
                    return false;
                }

                KeepOwner(output, path, before, mode);
                // The name may reach the disk before the bytes do, and a power cut would leave an empty file.
                output.Flush(flushToDisk: true);
                File.Move(temporary, path, overwrite: true);
            }

            return true;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Removes what processes that were killed have left beside these files, and nothing that one still writes.</summary>
    public static void RemoveLeftovers(params IEnumerable<string> paths)
    {
        foreach (var folder in paths.GroupBy(FolderOf).Where(folder => Directory.Exists(folder.Key)))
        {
            var names = folder.Select(path => NameFor(path, "")).ToHashSet(StringComparer.Ordinal);
            foreach (var leftover in Directory.EnumerateFiles(folder.Key, $"{Beginning}*"))
            {
                if (names.Contains(leftover[(leftover.LastIndexOf('/') + 1)..(leftover.LastIndexOf('.') + 1)]))
                {
                    TryRemove(leftover);
                }
            }
        }
    }

    private static void TryRemove(string leftover)
    {
        try
        {
            if (FileFacts.OfLink(leftover).Kind == FileKind.Regular)
            {
                // Whoever writes it holds its lock; the system lets go of that when a process dies.
                using var held = new FileStream(leftover, FileMode.Open, FileAccess.Write, FileShare.None);
                File.Delete(leftover);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It is being written, or somebody else's.
        }
    }

    // By the open file: somebody else could have put another in the place of its name. The owner first, since that takes bits from the mode.
    private static void KeepOwner(FileStream output, string path, FileFacts before, UnixFileMode? mode)
    {
        if (before.Kind == FileKind.Absent)
        {
            if (mode is { } wanted)
            {
                File.SetUnixFileMode(output.SafeFileHandle, wanted);
            }

            return;
        }

        var now = FileFacts.OfDescriptor((int)output.SafeFileHandle.DangerousGetHandle());
        if ((now.User, now.Group) != (before.User, before.Group) && NativeMethods.Fchown(output.SafeFileHandle, before.User, before.Group) != 0)
        {
            // Only root gives files away; one's own may still go to a group that one is in.
            _ = NativeMethods.Fchown(output.SafeFileHandle, uint.MaxValue, before.Group);
        }

        File.SetUnixFileMode(output.SafeFileHandle, File.GetUnixFileMode(path));
    }

    // Of the file's name only a hash: with it, names may become longer than a file system has them.
    private static string NameFor(string path, string which) =>
        $"{Beginning}{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFileName(path))).AsSpan(0, 8))}.{which}";

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
}
