namespace Millpond.Server.Catalog.Migrations;

/// <summary>
/// The first schema. Names are ordered by
/// their bytes in every query, so their columns say so. No foreign keys: children and linked digests may not be here (yet).
/// </summary>
internal sealed class M0001Tables() : Migration(1, "Repositories, manifests, links, tags, blobs and lists")
{
    protected override void Up()
    {
        Execute(
            """
            CREATE TABLE repositories (
              name TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
              rule TEXT NULL
            ) STRICT, WITHOUT ROWID
            """);

        // The bytes are in a table of their own: times are written often, and whoever looks through all manifests should not read past their bytes.
        Execute(
            """
            CREATE TABLE manifests (
              digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
              media_type TEXT NOT NULL,
              artifact_type TEXT NULL,
              subject TEXT NULL,
              size INTEGER NOT NULL,
              stored_at INTEGER NOT NULL,
              pulled_at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX manifests_by_subject ON manifests (subject) WHERE subject IS NOT NULL");
        Execute("CREATE TABLE manifest_bytes (digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT");

        Execute(
            """
            CREATE TABLE children (
              parent TEXT COLLATE BINARY NOT NULL,
              digest TEXT COLLATE BINARY NOT NULL,
              size INTEGER NOT NULL,
              linked_with_parent INTEGER NOT NULL,
              PRIMARY KEY (parent, digest)
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX children_by_digest ON children (digest, size)");

        Execute(
            """
            CREATE TABLE links (
              repository TEXT COLLATE BINARY NOT NULL,
              digest TEXT COLLATE BINARY NOT NULL,
              PRIMARY KEY (repository, digest)
            ) STRICT, WITHOUT ROWID
            """);

        Execute(
            """
            CREATE TABLE tags (
              repository TEXT COLLATE BINARY NOT NULL,
              tag TEXT COLLATE BINARY NOT NULL,
              digest TEXT COLLATE BINARY NOT NULL,
              pushed INTEGER NOT NULL,
              checked_at INTEGER NOT NULL,
              absent_since INTEGER NULL,
              PRIMARY KEY (repository, tag)
            ) STRICT, WITHOUT ROWID
            """);

        Execute(
            """
            CREATE TABLE blobs (
              digest TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
              size INTEGER NOT NULL,
              stored_at INTEGER NOT NULL,
              pulled_at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX blobs_by_pull ON blobs (pulled_at, digest)");

        Execute("CREATE TABLE totals (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute("INSERT INTO totals (name, value) VALUES ('blob_bytes', 0)");

        Execute(
            """
            CREATE TABLE lists (
              repository TEXT COLLATE BINARY NOT NULL,
              key TEXT COLLATE BINARY NOT NULL,
              content BLOB NOT NULL,
              checked_at INTEGER NOT NULL,
              PRIMARY KEY (repository, key)
            ) STRICT
            """);
    }
}
