using System.Collections.Immutable;
using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace Millpond.Server.Catalog.Sql;

/// <summary>
/// What differs between databases; all other SQL is read by SQLite and PostgreSQL alike. Plain values and functions, so that the
/// second database is a second value.
/// </summary>
internal sealed record Dialect
{
    /// <summary>What the writer's connection runs when it is opened, at the start of the server.</summary>
    public required ImmutableArray<string> Setup { get; init; }

    /// <summary>What reading connections run when they are opened: a pull waits for them, so they wait for nobody.</summary>
    public required ImmutableArray<string> ReaderSetup { get; init; }

    /// <summary>Run on the writer's connection where another program may let go of the database in a moment.</summary>
    public required string Patient { get; init; }

    /// <summary>Run on the writer's connection once another program has held the database for longer than that: no further group waits.</summary>
    public required string Impatient { get; init; }

    /// <summary>Run on the writer's connection before a transaction that must survive a power cut.</summary>
    public required string Durable { get; init; }

    /// <summary>Run on the writer's connection before a transaction whose last seconds may be lost in a power cut (never torn).</summary>
    public required string Relaxed { get; init; }

    /// <summary>Counts the tables called <c>@name</c>.</summary>
    public required string TableExists { get; init; }

    /// <summary>Counts all tables.</summary>
    public required string Tables { get; init; }

    /// <summary>The resource with all statements of a new database.</summary>
    public required string WholeSchema { get; init; }

    public required Func<Exception, bool> IsFull { get; init; }

    public required Func<Exception, bool> IsDamaged { get; init; }

    /// <summary>Whether the disk or another program is at fault, not the statement.</summary>
    public required Func<Exception, bool> IsOutside { get; init; }

    public static Dialect Sqlite { get; } = new()
    {
        // journal_size_limit: a WAL that once grew large gives its disk back. trusted_schema: no functions from a file's schema.
        // cache_size, wal_autocheckpoint: digests fall anywhere in the trees: with 16 MB of pages at hand and a checkpoint per 16 MB, a page is
        // written fewer times. The start waits for another program for as long as a backup of the file may take it.
        Setup =
        [
            "PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL", "PRAGMA journal_size_limit = 67108864", "PRAGMA trusted_schema = OFF",
            "PRAGMA cache_size = -16384", "PRAGMA wal_autocheckpoint = 4000",
        ],

        // A cold pull waits at most 200 ms for the catalog, and it may both read and write.
        ReaderSetup = ["PRAGMA busy_timeout = 100", "PRAGMA trusted_schema = OFF", "PRAGMA query_only = ON"],
        Patient = "PRAGMA busy_timeout = 100",
        Impatient = "PRAGMA busy_timeout = 0",
        Durable = "PRAGMA synchronous = FULL",
        Relaxed = "PRAGMA synchronous = NORMAL",
        TableExists = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = @name",
        Tables = "SELECT count(*) FROM sqlite_master",
        WholeSchema = "Millpond.Server.Catalog.Migrations.schema.sql",

        // A full disk shows as SQLITE_IOERR_SHMSIZE where the WAL's index cannot grow.
        IsFull = failure => failure is SqliteException { SqliteErrorCode: 13 } or SqliteException { SqliteExtendedErrorCode: 4874 },
        IsDamaged = failure => failure is SqliteException { SqliteErrorCode: 11 or 26 },

        // Busy, locked, read-only, I/O, corrupt, full, cannot open, protocol, not a database.
        IsOutside = failure => failure is SqliteException { SqliteErrorCode: 5 or 6 or 8 or 10 or 11 or 13 or 14 or 15 or 26 },
    };

    /// <summary>
    /// The connections to a database file. They are pooled by <see cref="ReadPool"/>, which keeps their prepared commands too. The library's
    /// own waiting for a held database, in steps of 150 ms and of a second at least, is turned off: the statements above say how long.
    /// </summary>
    public static DbDataSource OpenSqlite(string path) => SqliteFactory.Instance.CreateDataSource(
        new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = -1 }.ConnectionString);

    /// <summary>An empty file is an empty database; its journals get its mode. SQLite would make it readable for all.</summary>
    public static void MakePrivate(string path)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (!File.Exists(path))
        {
            new FileStream(path, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = ownerOnly }).Dispose();
        }
    }

    public void SetUpWriter(DbConnection connection) => Run(connection, Setup);

    public void SetUpReader(DbConnection connection) => Run(connection, ReaderSetup);

    private static void Run(DbConnection connection, ImmutableArray<string> statements)
    {
        foreach (var statement in statements)
        {
            using var command = connection.CreateCommand();
            command.CommandText = statement;
            command.ExecuteNonQuery();
        }
    }
}
