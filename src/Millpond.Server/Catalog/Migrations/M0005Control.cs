namespace Millpond.Server.Catalog.Migrations;

/// <summary>What the control plane keeps. What is secret in it is sealed with a key that is not in the catalog (docs/decisions/access.md).</summary>
internal sealed class M0005Control() : Migration(5, "Principals, access keys, secrets and settings of the control plane")
{
    protected override void Up()
    {
        Execute("CREATE TABLE principals (arn TEXT COLLATE BINARY NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute(
            """
            CREATE TABLE principal_policies (
              principal TEXT COLLATE BINARY NOT NULL,
              name TEXT COLLATE BINARY NOT NULL,
              document TEXT NULL,
              PRIMARY KEY (principal, name)
            ) STRICT, WITHOUT ROWID
            """);
        Execute(
            """
            CREATE TABLE access_keys (
              id TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
              principal TEXT COLLATE BINARY NOT NULL,
              sealed BLOB NOT NULL,
              token_hash BLOB NULL,
              expires_at INTEGER NULL,
              created_at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE INDEX access_keys_by_principal ON access_keys (principal)");
        Execute("CREATE TABLE sealed_values (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID");
        Execute(
            """
            CREATE TABLE control_settings (
              kind TEXT COLLATE BINARY NOT NULL,
              name TEXT COLLATE BINARY NOT NULL,
              value TEXT NOT NULL,
              created_at INTEGER NOT NULL,
              updated_at INTEGER NOT NULL,
              PRIMARY KEY (kind, name)
            ) STRICT, WITHOUT ROWID
            """);
        Secrets();
    }

    private void Secrets()
    {
        Execute(
            """
            CREATE TABLE secrets (
              arn TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
              name TEXT COLLATE BINARY NOT NULL,
              details TEXT NOT NULL,
              created_at INTEGER NOT NULL,
              changed_at INTEGER NOT NULL,
              deleted_at INTEGER NULL,
              deletion_date INTEGER NULL
            ) STRICT, WITHOUT ROWID
            """);
        Execute("CREATE UNIQUE INDEX secrets_by_name ON secrets (name)");
        Execute(
            """
            CREATE TABLE secret_versions (
              secret TEXT COLLATE BINARY NOT NULL,
              version TEXT COLLATE BINARY NOT NULL,
              sealed BLOB NOT NULL,
              created_at INTEGER NOT NULL,
              PRIMARY KEY (secret, version)
            ) STRICT
            """);
        Execute(
            """
            CREATE TABLE secret_stages (
              secret TEXT COLLATE BINARY NOT NULL,
              stage TEXT COLLATE BINARY NOT NULL,
              version TEXT COLLATE BINARY NOT NULL,
              PRIMARY KEY (secret, stage)
            ) STRICT, WITHOUT ROWID
            """);
    }
}
