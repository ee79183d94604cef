using FluentMigrator;

namespace Millpond.Server.Catalog.Migrations;

/// <summary>What was pulled, asked and sent, by day: what it costs is said of a month, and servers are started anew within one.</summary>
[Migration(Version, "Pulls, requests and bytes by day")]
public sealed class M0008Traffic : ForwardOnlyMigration
{
    public const long Version = 8;

    public override void Up() => Execute.Sql(
        """
        CREATE TABLE traffic (
          day INTEGER NOT NULL,
          kind TEXT COLLATE BINARY NOT NULL,
          name TEXT COLLATE BINARY NOT NULL,
          counter TEXT COLLATE BINARY NOT NULL,
          value INTEGER NOT NULL,
          PRIMARY KEY (day, kind, name, counter)
        ) STRICT, WITHOUT ROWID
        """);
}
