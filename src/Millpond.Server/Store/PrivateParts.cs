namespace Millpond.Server.Store;

/// <summary>
/// Folders of what may be private, for the server's user alone. One that others could read until now, made by an older program or by
/// hand, is closed with all its files before the server starts.
/// </summary>
internal static class PrivateParts
{
    public const UnixFileMode FolderMode = FileMode | UnixFileMode.UserExecute;
    public const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false };

    /// <summary>Makes the folder where there is none, else closes it; false where another user's file or folder could not be closed.</summary>
    /// <exception cref="IOException">It cannot be made or read.</exception>
    public static bool Make(string path) => Directory.CreateDirectory(path, FolderMode) is { } folder && Close(folder);

    /// <summary>As above, where there is one.</summary>
    public static bool CloseIfAny(string path) => !Directory.Exists(path) || Close(new DirectoryInfo(path));

    // The folder last: while it is open its files are, too, and a start that is cut short has to begin anew. What is in a closed folder is
    // out of others' reach, so the hundred thousand files of a store are looked at once. Links are not followed, but for the folder itself,
    // which may be on another disk.
    private static bool Close(DirectoryInfo folder)
    {
        if ((folder.UnixFileMode & Others) == 0)
        {
            return true;
        }

        var isClosed = true;
        foreach (var entry in folder.EnumerateFileSystemInfos("*", Everything).Where(entry => entry.LinkTarget is null))
        {
            isClosed &= TrySet(entry, entry is DirectoryInfo ? FolderMode : FileMode);
        }

        return TrySet(folder, FolderMode) && isClosed;
    }

    private static bool TrySet(FileSystemInfo entry, UnixFileMode mode)
    {
        try
        {
            entry.UnixFileMode = mode;
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Another user's, or gone meanwhile.
            entry.Refresh();
            return !entry.Exists || (entry.UnixFileMode & Others) == 0;
        }
    }
}
