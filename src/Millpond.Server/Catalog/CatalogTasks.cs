namespace Millpond.Server.Catalog;

internal static class CatalogTasks
{
    /// <summary>The most that a cold pull waits for a commit; a warm one waits for none.</summary>
    private static readonly TimeSpan ColdWait = TimeSpan.FromMilliseconds(200);

    /// <summary>As <see cref="OrUnwrittenAsync"/>, and no longer than a cold pull may wait: the write then goes on by itself.</summary>
    public static async Task WithinPullAsync(this Task write, TimeProvider time)
    {
        var written = write.OrUnwrittenAsync();
        try
        {
            await written.WaitAsync(ColdWait, time);
        }
        catch (TimeoutException)
        {
            // The catalog's disk is slow; the pull is answered from memory.
        }
    }

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
