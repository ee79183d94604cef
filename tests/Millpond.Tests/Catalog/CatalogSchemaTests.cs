using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Migrations;
using Millpond.Server.Catalog.Sql;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Catalog;

public sealed class CatalogSchemaTests
{
    [Fact]
    public void Every_migration_is_listed_in_its_order()
    {
        var all = typeof(CatalogDatabase).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Migration))).Select(type => type.Name).Order(StringComparer.Ordinal);

        Assert.Equal(all, SchemaVersions.Migrations.Select(migration => migration.GetType().Name));
        Assert.Equal(Enumerable.Range(1, SchemaVersions.Migrations.Count).Select(version => (long)version), SchemaVersions.Migrations.Select(migration => migration.Version));
        Assert.Equal(CatalogSchema.Current, SchemaVersions.Migrations.Count);
    }

    /// <summary>What fails half-way leaves nothing of its own step, and what came before stays.</summary>
    [Fact]
    public void A_migration_that_fails_leaves_the_version_before()
    {
        using var connection = new SqliteConnection("Data Source=:memory:");
        connection.Open();
        SchemaVersions.Apply(connection, Dialect.Sqlite, 4);
        connection.Execute("CREATE TABLE secrets (in_the_way INTEGER)");

        Assert.Throws<SqliteException>(() => SchemaVersions.Apply(connection, Dialect.Sqlite, CatalogSchema.Current));
        Assert.Equal(4, connection.ExecuteScalar<long>("SELECT max(version) FROM schema_versions"));
        Assert.Empty(connection.Query<string>("SELECT name FROM sqlite_master WHERE name = 'principals'"));

        connection.Execute("DROP TABLE secrets");
        SchemaVersions.Apply(connection, Dialect.Sqlite, CatalogSchema.Current);
        Assert.Equal(CatalogSchema.Current, connection.ExecuteScalar<long>("SELECT max(version) FROM schema_versions"));
    }

    /// <summary>What a new catalog is made of is what the migrations, one after the other, leave behind: set MILLPOND_UPDATE_DOCS=1 to write it anew after adding one.</summary>
    [Fact]
    public void A_new_catalog_is_what_the_migrations_make()
    {
        var folder = Directory.CreateTempSubdirectory("millpond-schema-");
        var database = $"Data Source={folder.FullName}/catalog.db;Pooling=False";
        SchemaText.Migrate(database, CatalogSchema.Current);
        using (var connection = new SqliteConnection(database))
        {
            var path = Path.Join(SourceTree.Top, "src", "Millpond.Server", "Catalog", "Migrations", "schema.sql");
            var wanted = SchemaText.Of(connection);
            if (Environment.GetEnvironmentVariable("MILLPOND_UPDATE_DOCS") == "1")
            {
                File.WriteAllText(path, wanted);
            }

            Assert.Equal(wanted, File.ReadAllText(path));
        }

        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_new_catalog_holds_what_a_migrated_one_holds()
    {
        var migrated = Directory.CreateTempSubdirectory("millpond-schema-");
        SchemaText.Migrate($"Data Source={migrated.FullName}/catalog.db;Pooling=False", CatalogSchema.Current);
        await using var catalog = new TemporaryCatalog();
        using (var first = new SqliteConnection($"Data Source={migrated.FullName}/catalog.db;Pooling=False"))
        using (var second = new SqliteConnection($"Data Source={catalog.Folder}/catalog.db;Pooling=False"))
        {
            Assert.Equal(SchemaText.Of(first), SchemaText.Of(second));
        }

        migrated.Delete(recursive: true);
    }

    [Fact]
    public async Task Every_table_is_strict_and_in_a_log_that_readers_do_not_block()
    {
        await using var catalog = new TemporaryCatalog();
        using var connection = new SqliteConnection($"Data Source={catalog.Folder}/catalog.db;Pooling=False");

        Assert.Empty(connection.Query<string>(
            "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema', 'schema_versions')"));
        Assert.Equal("wal", connection.ExecuteScalar<string>("PRAGMA journal_mode"));
    }

    [Fact]
    public async Task A_catalog_that_is_current_is_not_migrated_again()
    {
        var folder = Directory.CreateTempSubdirectory("millpond-schema-");
        var log = new ListLogger<CatalogDatabase>();
        for (var start = 0; start < 3; start++)
        {
            await using var catalog = CatalogDatabase.Open(folder.FullName, new FakeTimeProvider(), log);
        }

        Assert.Single(log.Lines);
        Assert.Contains("is a new catalog", log.Lines.Single().Message, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }
}
