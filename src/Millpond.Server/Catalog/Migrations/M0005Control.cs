using FluentMigrator;

namespace Millpond.Server.Catalog.Migrations;

/// <summary>What the control plane keeps. What is secret in it is sealed with a key that is not in the catalog (docs/decisions/access.md).</summary>
[Migration(Version, "Principals, access keys, secrets and settings of the control plane")]
public sealed class M0005Control : ForwardOnlyMigration
{
    public const long Version = 5;

    public override void Up()
    {
        Execute.Sql("CREATE TABLE principals (arn TEXT COLLATE BINARY NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID");
        Execute.Sql(
            """
            CREATE TABLE principal_policies (
              principal TEXT COLLATE BINARY NOT NULL,
              name TEXT COLLATE BINARY NOT NULL,
              document TEXT NULL,
              PRIMARY KEY (principal, name)
            ) STRICT, WITHOUT ROWID
            """);
        Execute.Sql(
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
        Execute.Sql("CREATE INDEX access_keys_by_principal ON access_keys (principal)");
        Execute.Sql("CREATE TABLE sealed_values (name TEXT COLLATE BINARY NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID");
        Execute.Sql(
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
        Execute.Sql(
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
        Execute.Sql("CREATE UNIQUE INDEX secrets_by_name ON secrets (name)");
        Execute.Sql(
            """
            CREATE TABLE secret_versions (
              secret TEXT COLLATE BINARY NOT NULL,
              version TEXT COLLATE BINARY NOT NULL,
              sealed BLOB NOT NULL,
              created_at INTEGER NOT NULL,
              PRIMARY KEY (secret, version)
            ) STRICT
            """);
        Execute.Sql(
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
