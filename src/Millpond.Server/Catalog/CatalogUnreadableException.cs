namespace Millpond.Server.Catalog;

/// <summary>
/// The catalog cannot be read now, for a reason that lies outside of this program: another program holds it, or its disk fails. What is in
/// memory is served on; a pull that needs a row is told to come back.
/// </summary>
public sealed class CatalogUnreadableException : Exception
{
    internal CatalogUnreadableException(Exception cause)
        : base($"The catalog cannot be read now: {cause.Message.TrimEnd('.')}. Check its disk, and that no other program has locked or changed it.", cause)
    {
    }
}
