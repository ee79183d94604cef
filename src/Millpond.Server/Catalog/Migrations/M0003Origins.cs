namespace Millpond.Server.Catalog.Migrations;

/// <summary>
/// Links, tags, repositories and lists belong to an origin, lists are rows, and what manifests and lists take is counted. What was pulled
/// before says nothing of its origin, and the rules at the first start need not be those it was pulled by: those links and tags go. Their
/// manifests and blobs stay, and are proved upstream, one request each, when they are next pulled (docs/decisions/catalog.md).
/// </summary>
internal sealed class M0003Origins() : Migration(3, "Origins, lists by rows, and an order of eviction over all that takes room")
{
    protected override void Up()
    {
        Execute(
            """
            CREATE TABLE origins (
              id INTEGER NOT NULL PRIMARY KEY,
              upstream TEXT NOT NULL,
              prefix TEXT NOT NULL,
              source TEXT NOT NULL,
              who TEXT NOT NULL,
              seen_at INTEGER NOT NULL
            ) STRICT
            """);

        Execute("DELETE FROM incomplete WHERE repository IN (SELECT name FROM repositories WHERE rule IS NOT NULL)");
        Rebuild(
            "tags",
            """
            repository TEXT COLLATE BINARY NOT NULL,
            tag TEXT COLLATE BINARY NOT NULL,
            origin INTEGER NOT NULL,
            digest TEXT COLLATE BINARY NOT NULL,
            checked_at INTEGER NOT NULL,
            absent_since INTEGER NULL,
            PRIMARY KEY (repository, tag, origin)
            """,
            "SELECT repository, tag, 0, digest, checked_at, absent_since FROM tags WHERE pushed = 1");
        Execute("CREATE INDEX tags_by_digest ON tags (digest)");

        // By digest first, so that the links of an evicted manifest are found without an index of their own.
        Rebuild(
            "links",
            """
            digest TEXT COLLATE BINARY NOT NULL,
            repository TEXT COLLATE BINARY NOT NULL,
            origin INTEGER NOT NULL,
            PRIMARY KEY (digest, repository, origin)
            """,
            "SELECT digest, repository, 0 FROM links WHERE repository IN (SELECT name FROM repositories WHERE rule IS NULL)");
        Rebuild(
            "repositories",
            """
            name TEXT COLLATE BINARY NOT NULL,
            origin INTEGER NOT NULL,
            rule TEXT NULL,
            PRIMARY KEY (name, origin)
            """,
            "SELECT name, 0, rule FROM repositories WHERE rule IS NULL");
        Lists();
        Eviction();
    }

    private void Lists()
    {
        Execute("DROP TABLE lists");
        Execute(
            """
            CREATE TABLE lists (
              repository TEXT COLLATE BINARY NOT NULL,
              key TEXT COLLATE BINARY NOT NULL,
              origin INTEGER NOT NULL,
              entries INTEGER NOT NULL,
              count INTEGER NOT NULL,
              cut_at INTEGER NULL,
              cost INTEGER NOT NULL,
              checked_at INTEGER NOT NULL,
              PRIMARY KEY (repository, key, origin)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX lists_by_check ON lists (checked_at)");
        Execute(
            """
            CREATE TABLE list_entries (
              list INTEGER NOT NULL,
              name TEXT COLLATE BINARY NOT NULL,
              type TEXT NULL,
              content BLOB NULL,
              PRIMARY KEY (list, name)
            ) STRICT, WITHOUT ROWID
            """);

        // Entries that no list names (any more): deleted little by little.
        Execute("CREATE TABLE loose_entries (list INTEGER NOT NULL PRIMARY KEY) STRICT");
    }

    private void Eviction()
    {
        Execute("ALTER TABLE manifests ADD COLUMN cost INTEGER NOT NULL DEFAULT 0");
        Execute("UPDATE manifests SET cost = size + 200 * (SELECT count(*) FROM children WHERE parent = manifests.digest)");
        Execute("CREATE INDEX manifests_by_pull ON manifests (pulled_at, digest)");
        Execute("INSERT INTO totals (name, value) SELECT 'manifest_bytes', coalesce(sum(cost), 0) FROM manifests");
        Execute("INSERT INTO totals (name, value) VALUES ('list_bytes', 0)");
    }

    /// <summary>SQLite changes no primary key: a table is made anew beside the old one.</summary>
    private void Rebuild(string table, string columns, string rows)
    {
        Execute($"CREATE TABLE new_{table} ({columns}) STRICT, WITHOUT ROWID");
        Execute($"INSERT INTO new_{table} {rows}");
        Execute($"DROP TABLE {table}");
        Execute($"ALTER TABLE new_{table} RENAME TO {table}");
    }
}
