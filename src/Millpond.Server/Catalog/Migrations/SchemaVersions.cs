using System.Data.Common;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Migrations;

/// <summary>The table in which it is written down which migrations a database has behind it.</summary>
internal static class SchemaVersions
{
    public const string Table = "schema_versions";
    public const string Column = "version";

    /// <summary>All migrations, in their order.</summary>
    public static IReadOnlyList<Migration> Migrations { get; } =
        [new M0001Tables(), new M0002Incomplete(), new M0003Origins(), new M0004Pushes(), new M0005Control(), new M0006Lifecycle(), new M0007Keeping(), new M0008Traffic()];

    /// <summary>Applies what is missing up to a version, each migration in a transaction of its own.</summary>
    public static void Apply(DbConnection connection, Dialect dialect, long version)
    {
        if (connection.FindNumber(dialect.TableExists, new { name = Table }) is null or 0)
        {
            connection.Run("""CREATE TABLE "schema_versions" ("version" INTEGER NOT NULL, "applied_on" DATETIME, "description" TEXT)""");
            connection.Run("""CREATE UNIQUE INDEX "schema_versions_unique" ON "schema_versions" ("version" ASC)""");
        }

        var applied = connection.Rows(static row => row.GetInt64(0), $"SELECT {Column} FROM {Table}").ToHashSet();
        foreach (var migration in Migrations.Where(migration => migration.Version <= version && !applied.Contains(migration.Version)))
        {
            using var transaction = connection.BeginTransaction();
            foreach (var statement in migration.Statements())
            {
                connection.Run(statement);
            }

            connection.Run(
                $"INSERT INTO {Table} ({Column}, applied_on, description) VALUES (@version, CURRENT_TIMESTAMP, @description)",
                new { migration.Version, migration.Description });
            transaction.Commit();
        }
    }
}
