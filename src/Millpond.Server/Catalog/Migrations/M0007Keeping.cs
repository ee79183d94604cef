namespace Millpond.Server.Catalog.Migrations;

/// <summary>
/// What collection, pins and scrub keep: since when something is of no use, what is kept from eviction, and how far a scrub has come. What may
/// be evicted is in an index of its own, so that what may not is never read past (docs/decisions/collection.md).
/// </summary>
internal sealed class M0007Keeping() : Migration(7, "Collection, pins and scrub")
{
    protected override void Up()
    {
        Execute("ALTER TABLE links ADD COLUMN renewed_at INTEGER NOT NULL DEFAULT 0");
        Execute("UPDATE links SET renewed_at = linked_at WHERE origin = 0");
        Execute(
            """
            CREATE TABLE unneeded_links (
              digest TEXT COLLATE BINARY NOT NULL,
              repository TEXT COLLATE BINARY NOT NULL,
              origin INTEGER NOT NULL,
              since INTEGER NOT NULL,
              PRIMARY KEY (digest, repository, origin)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE TABLE unreferenced (digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY, since INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute("CREATE TABLE pins (pattern TEXT COLLATE BINARY NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute(
            """
            CREATE TABLE kept_images (
              digest TEXT COLLATE BINARY NOT NULL,
              why INTEGER NOT NULL,
              PRIMARY KEY (digest, why)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE TABLE cursors (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID");
        foreach (var table in (string[])["blobs", "manifests"])
        {
            Execute($"ALTER TABLE {table} ADD COLUMN kept INTEGER NOT NULL DEFAULT 0");
            Execute($"UPDATE {table} SET kept = 2 WHERE digest IN (SELECT digest FROM links WHERE origin = 0)");
            Execute($"DROP INDEX {table}_by_pull");
            Execute($"CREATE INDEX {table}_to_evict ON {table} (pulled_at, digest) WHERE kept = 0");
            Execute($"CREATE INDEX {table}_last_copies ON {table} (pulled_at, digest) WHERE kept = 4");
        }
    }
}
