namespace Millpond.Server.Catalog.Migrations;

/// <summary>Indexes whose other children are still to be fetched: a restart must not forget them, for the index itself is cached and asks no more.</summary>
internal sealed class M0002Incomplete() : Migration(2, "Indexes that are not complete yet")
{
    protected override void Up() => Execute(
        """
        CREATE TABLE incomplete (
          repository TEXT COLLATE BINARY NOT NULL,
          digest TEXT COLLATE BINARY NOT NULL,
          PRIMARY KEY (repository, digest)
        ) STRICT, WITHOUT ROWID
        """);
}
