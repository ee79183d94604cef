namespace Millpond.Server.Catalog;

internal static class CatalogTasks
{
    /// <summary>
    /// Waits for a write that a pull can do without: where the catalog cannot be written, the writer has logged it and the pull goes on. What
    /// its absence costs later, the caller says.
    /// </summary>
    public static async Task OrUnwrittenAsync(this Task write)
    {
        try
        {
            await write;
        }
        catch (CatalogUnwrittenException)
        {
            // Said by the writer, once a minute.
        }
    }
}
