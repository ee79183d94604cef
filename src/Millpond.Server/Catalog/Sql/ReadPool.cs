using System.Collections.Concurrent;
using System.Data.Common;

namespace Millpond.Server.Catalog.Sql;

/// <summary>Open connections for reading, kept for the next reader. As many are open as there were readers at once, up to a few kept idle.</summary>
internal sealed class ReadPool(DbDataSource source, Dialect dialect) : IDisposable
{
    /// <summary>More readers at once than this are rare, and each idle connection holds up to 2 MB of pages.</summary>
    private const int MostIdle = 16;

    private readonly ConcurrentBag<ReadConnection> idle = [];
    private volatile bool disposed;

    /// <summary>
    /// Lends a connection to one read. A connection on which a read failed is not used again. Over SQLite, whose calls block, the task has
    /// ended when it is returned.
    /// </summary>
    /// <exception cref="CatalogUnreadableException">Another program or the disk is at fault, or another program has changed the tables.</exception>
    public async ValueTask<T> ReadAsync<T>(Func<ReadConnection, ValueTask<T>> read)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ReadConnection? connection = null;
        var done = false;
        try
        {
            connection = idle.TryTake(out var kept) ? kept : await OpenAsync();
            var value = await read(connection);
            done = true;
            return value;
        }
        catch (DbException failure)
        {
            throw new CatalogUnreadableException(failure);
        }
        finally
        {
            if (done && idle.Count < MostIdle)
            {
                idle.Add(connection!);
            }
            else
            {
                connection?.Dispose();
            }

            if (disposed)
            {
                CloseIdle();
            }
        }
    }

    public void Dispose()
    {
        disposed = true;
        CloseIdle();
    }

    private async ValueTask<ReadConnection> OpenAsync()
    {
        var connection = await source.OpenConnectionAsync();
        try
        {
            dialect.SetUpReader(connection);
            return new(connection);
        }
        catch (DbException)
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private void CloseIdle()
    {
        while (idle.TryTake(out var connection))
        {
            connection.Dispose();
        }
    }
}
