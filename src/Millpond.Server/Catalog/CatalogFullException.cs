namespace Millpond.Server.Catalog;

/// <summary>The catalog could not be written because its disk is full. What was to be written is not; a pull goes on without it.</summary>
public sealed class CatalogFullException : Exception
{
    public CatalogFullException(string path, Exception cause)
        : base($"The catalog {path} cannot grow: its disk is full. Free space on it, or lower storage.limit so that more is evicted.", cause)
    {
    }
}
