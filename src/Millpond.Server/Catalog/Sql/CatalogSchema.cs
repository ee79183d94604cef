using System.Data.Common;
using Millpond.Server.Catalog.Migrations;

namespace Millpond.Server.Catalog.Sql;

/// <summary>
/// Brings a database to the schema of this program. A new one gets what all migrations leave behind, written down in
/// <c>Migrations/schema.sql</c> (a test compares them).
/// </summary>
internal static class CatalogSchema
{
    /// <summary>The newest migration.</summary>
    public static long Current { get; } = SchemaVersions.Migrations[^1].Version;

    /// <summary>The version found before; 0 = a new database.</summary>
    /// <exception cref="CatalogUnusableException">A newer program has written it, or a migration failed.</exception>
    public static long Migrate(DbConnection connection, string path, Dialect dialect)
    {
        var found = connection.FindNumber(dialect.TableExists, new { name = SchemaVersions.Table }) is null or 0
            ? 0
            : connection.FindNumber($"SELECT max({SchemaVersions.Column}) FROM {SchemaVersions.Table}") ?? 0;
        if (found > Current)
        {
            throw CatalogUnusableException.Newer(path, found, Current);
        }

        if (found < Current)
        {
            try
            {
                if (connection.FindNumber(dialect.Tables) is null or 0)
                {
                    Make(connection, dialect.WholeSchema);
                }
                else
                {
                    SchemaVersions.Apply(connection, dialect, Current);
                }
            }
            catch (Exception failure) when (failure.GetBaseException() is DbException cause)
            {
                throw CatalogUnusableException.NotMigrated(path, found, Current, cause);
            }
        }

        return found;
    }

    private static void Make(DbConnection connection, string resource)
    {
        using var text = new StreamReader(typeof(CatalogSchema).Assembly.GetManifestResourceStream(resource)!);
        using var transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = text.ReadToEnd();
        command.ExecuteNonQuery();
        transaction.Commit();
    }
}
