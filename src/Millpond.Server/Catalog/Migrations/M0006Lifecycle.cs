namespace Millpond.Server.Catalog.Migrations;

/// <summary>
/// What lifecycle policies need: since when an image is archived, what is held back by the availability guard and why, and how far runs have come.
/// </summary>
internal sealed class M0006Lifecycle() : Migration(6, "Archived and held images, and how far lifecycle runs have come")
{
    protected override void Up()
    {
        Execute("ALTER TABLE links ADD COLUMN archived_at INTEGER NULL");
        Execute("ALTER TABLE links ADD COLUMN activated_at INTEGER NULL");

        // A cache's images are found by its name too, not only what was pushed.
        Execute("CREATE INDEX links_by_repository ON links (repository, origin, digest)");
        Execute("DROP INDEX links_of_pushes");

        // Tags of archived images: elsewhere, so that no pull needs to look whether what its tag means may be pulled.
        Execute(
            """
            CREATE TABLE archived_tags (
              repository TEXT COLLATE BINARY NOT NULL,
              tag TEXT COLLATE BINARY NOT NULL,
              origin INTEGER NOT NULL,
              digest TEXT COLLATE BINARY NOT NULL,
              PRIMARY KEY (repository, tag, origin)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX archived_tags_by_digest ON archived_tags (digest)");

        Execute(
            """
            CREATE TABLE held (
              repository TEXT COLLATE BINARY NOT NULL,
              origin INTEGER NOT NULL,
              digest TEXT COLLATE BINARY NOT NULL,
              priority INTEGER NOT NULL,
              reason TEXT NOT NULL,
              failing INTEGER NOT NULL,
              since INTEGER NOT NULL,
              asked_at INTEGER NOT NULL,
              next_at INTEGER NOT NULL,
              tries INTEGER NOT NULL,
              PRIMARY KEY (repository, origin, digest)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX held_by_digest ON held (digest)");
        Execute("CREATE INDEX held_by_next ON held (next_at, repository)");
        Execute("CREATE INDEX held_failing ON held (repository, origin, asked_at) WHERE failing = 1");
        Execute("CREATE TABLE evaluations (repository TEXT COLLATE BINARY NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute("CREATE TABLE lifecycle_state (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID");
    }
}
