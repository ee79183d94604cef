namespace Millpond.Server.Catalog;

/// <summary>The catalog cannot be opened; the message says what to do.</summary>
public sealed class CatalogUnusableException : Exception
{
    private CatalogUnusableException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    internal static CatalogUnusableException Damaged(string path, Exception cause) => new(
        $"The catalog {path} is damaged or no SQLite database ({cause.Message}). Restore it from a backup, or move {path}, {path}-wal and "
        + $"{path}-shm away and start again: stored blobs are adopted, tags and manifests come from upstream when they are next pulled. "
        + "What was pushed here is not upstream: its tags and manifests are only in the backup.", cause);

    internal static CatalogUnusableException Newer(string path, long found, long known) => new(
        $"The catalog {path} has schema {found}, this program knows schemas up to {known}: a newer Millpond has written it. "
        + "Start that version or a newer one, or restore the data folder from a backup made before it.", null);

    internal static CatalogUnusableException NotMigrated(string path, long found, long wanted, Exception cause) => new(
        $"The catalog {path} could not be brought from schema {found} to {wanted} ({cause.Message}); it is as it was before. "
        + "Check that its disk is not full and that no other program has changed it, then start again.", cause);

    internal static CatalogUnusableException CannotOpen(string path, Exception cause) => new(
        $"The catalog {path} cannot be opened ({cause.Message}). Check that the data folder exists, belongs to this user, is writable "
        + "and on a disk that is not full.", cause);
}
