namespace Millpond.Server.Catalog;

/// <summary>
/// The catalog could not be written, for a reason that lies outside of this program: its disk is full or failing, or another program has locked
/// or damaged it. What was to be written is not; a pull goes on without it.
/// </summary>
public sealed class CatalogUnwrittenException : Exception
{
    private CatalogUnwrittenException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    internal static CatalogUnwrittenException Full(string path, Exception cause) =>
        new($"The catalog {path} cannot grow: its disk is full. Free space on it, or lower storage.limit so that more is evicted.", cause);

    internal static CatalogUnwrittenException Failing(string path, Exception cause) =>
        new($"The catalog {path} cannot be written: {cause.Message.TrimEnd('.')}. Check its disk, and that no other program has locked or changed it.", cause);

    internal static CatalogUnwrittenException Behind(string path, int queued) =>
        new($"The catalog {path} is {queued} writes behind: its disk is too slow for them. Check the disk.", null);
}
