using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Tests.Catalog;

/// <summary>Writes that are committed together, and what happens to the others when one of them fails.</summary>
public sealed class CatalogWriterTests : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("millpond-writer-");
    private readonly FakeTimeProvider time = new();
    private readonly ListLogger<CatalogWriterTests> log = new();
    private readonly DbDataSource source;
    private readonly CatalogWriter writer;

    public CatalogWriterTests()
    {
        source = Dialect.OpenSqlite(Path.Join(folder.FullName, "catalog.db"));
        var connection = source.OpenConnection();
        Dialect.Sqlite.SetUpWriter(connection);
        connection.Execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text BLOB NOT NULL) STRICT");
        writer = new(connection, Dialect.Sqlite, "/data/catalog.db", time, log);
    }

    [Fact]
    public async Task A_failing_write_takes_nothing_of_its_neighbours_along()
    {
        var tasks = Together(
            Note(1),
            connection =>
            {
                Note(2)(connection);
                connection.Execute("INSERT INTO notes (id, text) VALUES (3, NULL)");
            },
            _ => throw new ArithmeticException("a mistake in a write"),
            Note(4));

        await tasks[0];
        await Assert.ThrowsAsync<SqliteException>(() => tasks[1]);
        await Assert.ThrowsAsync<ArithmeticException>(() => tasks[2]);
        await tasks[3];
        Assert.Equal([1, 4], Stored());
    }

    [Fact]
    public async Task Neighbours_of_a_write_that_loses_the_transaction_are_written_again()
    {
        var tasks = Together(
            Note(1),
            connection => connection.Execute("INSERT OR ROLLBACK INTO notes (id, text) VALUES (2, NULL)"),
            Note(3));

        await tasks[0];
        await Assert.ThrowsAsync<SqliteException>(() => tasks[1]);
        await tasks[2];
        Assert.Equal([1, 3], Stored());
    }

    [Fact]
    public async Task A_write_that_does_not_fit_on_the_disk_fails_alone_and_says_so()
    {
        await writer.WriteAsync(connection => connection.Execute("PRAGMA max_page_count = 20"));

        var tasks = Together(Note(1), Note(2, bytes: 1 << 20), Note(3));

        await tasks[0];
        var full = await Assert.ThrowsAsync<CatalogUnwrittenException>(() => tasks[1]);
        await tasks[2];
        Assert.Equal([1, 3], Stored());
        Assert.Contains("/data/catalog.db", full.Message, StringComparison.Ordinal);
        Assert.Contains("disk is full", full.Message, StringComparison.Ordinal);
        Assert.Null(writer.Trouble);
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_fails_each_write_and_says_what_to_look_at()
    {
        await writer.WriteAsync(connection => connection.Execute("PRAGMA query_only = ON"));

        var unwritten = await Assert.ThrowsAsync<CatalogUnwrittenException>(() => writer.WriteAsync(Note(1)));

        Assert.Contains("/data/catalog.db", unwritten.Message, StringComparison.Ordinal);
        Assert.Contains("no other program", unwritten.Message, StringComparison.Ordinal);
        Assert.NotNull(writer.Trouble);
        Assert.Single(log.Lines, line => line.Event == 2);
    }

    [Fact]
    public async Task A_full_disk_is_logged_once_a_minute()
    {
        await writer.WriteAsync(connection => connection.Execute("PRAGMA max_page_count = 20"));
        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<CatalogUnwrittenException>(() => writer.WriteAsync(Note(1, bytes: 1 << 20)));
        }

        Assert.Single(log.Lines, line => line.Event == 1);
        time.Advance(TimeSpan.FromSeconds(60));
        await Assert.ThrowsAsync<CatalogUnwrittenException>(() => writer.WriteAsync(Note(1, bytes: 1 << 20)));
        Assert.Equal(2, log.Lines.Count(line => line.Event == 1));
    }

    [Fact]
    public async Task What_was_queued_is_committed_before_the_end_and_nothing_after()
    {
        var tasks = Together([.. Enumerable.Range(1, 600).Select(id => Note(id))]);
        await writer.EndAsync();

        await Task.WhenAll(tasks);
        Assert.Equal(600, Stored().Length);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => writer.WriteAsync(Note(601)));
    }

    [Fact]
    public async Task Trouble_lasts_until_a_write_goes_well()
    {
        await Assert.ThrowsAsync<SqliteException>(() => writer.WriteAsync(connection => connection.Execute("INSERT INTO nowhere VALUES (1)")));
        Assert.Contains("nowhere", writer.Trouble, StringComparison.Ordinal);

        await writer.WriteAsync(Note(1));
        Assert.Null(writer.Trouble);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public async Task A_durable_write_waits_for_the_disk(bool durable, long expected)
    {
        var seen = -1L;
        await writer.WriteAsync(connection => seen = connection.ExecuteScalar<long>("PRAGMA synchronous"), durable);
        Assert.Equal(expected, seen);
    }

    public async ValueTask DisposeAsync()
    {
        await writer.EndAsync();
        await source.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private static Action<DbConnection> Note(int id, int bytes = 1) =>
        connection => connection.Execute("INSERT INTO notes (id, text) VALUES (@id, @text)", new { id, text = new byte[bytes] });

    /// <summary>Queues writes behind one that waits until all of them are queued, so that they are one group.</summary>
    private Task[] Together(params Action<DbConnection>[] writes)
    {
        using var started = new ManualResetEventSlim();
        var queued = new ManualResetEventSlim();
        writer.WriteAsync(_ =>
        {
            started.Set();
            queued.Wait();
        });
        started.Wait();
        var tasks = writes.Select(write => writer.WriteAsync(write)).ToArray();
        queued.Set();
        return tasks;
    }

    private long[] Stored()
    {
        using var connection = source.OpenConnection();
        return [.. connection.Query<long>("SELECT id FROM notes ORDER BY id")];
    }
}
