namespace Millpond.Server.Catalog.Migrations;

/// <summary>What was pulled, asked and sent, by day: what it costs is said of a month, and servers are started anew within one.</summary>
internal sealed class M0008Traffic() : Migration(8, "Pulls, requests and bytes by day")
{
    protected override void Up() => Execute(
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
