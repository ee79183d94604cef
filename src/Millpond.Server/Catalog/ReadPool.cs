using System.Collections.Concurrent;
using System.Data.Common;

namespace Millpond.Server.Catalog;

/// <summary>Open connections for reading, kept for the next reader. As many are open as there were readers at once, up to a few kept idle.</summary>
internal sealed class ReadPool(DbDataSource source, Dialect dialect) : IDisposable
{
    /// <summary>More readers at once than this are rare, and each idle connection holds up to 2 MB of pages.</summary>
    private const int MostIdle = 16;

    private readonly ConcurrentBag<ReadConnection> idle = [];
    private volatile bool disposed;

    /// <summary>Lends a connection to one read. A connection on which a read failed is not used again.</summary>
    public T Read<T>(Func<ReadConnection, T> read)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var connection = idle.TryTake(out var kept) ? kept : Open();
        var done = false;
        try
        {
            var value = read(connection);
            done = true;
            return value;
        }
        finally
        {
            if (done && idle.Count < MostIdle)
            {
                idle.Add(connection);
            }
            else
            {
                connection.Dispose();
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

    private ReadConnection Open()
    {
        var connection = source.OpenConnection();
        try
        {
            dialect.SetUp(connection, reader: true);
            return new(connection);
        }
        catch (DbException)
        {
            connection.Dispose();
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
