using FluentMigrator;

namespace Millpond.Server.Catalog.Migrations;

/// <summary>Indexes whose other children are still to be fetched: a restart must not forget them, for the index itself is cached and asks no more.</summary>
[Migration(Version, "Indexes that are not complete yet")]
public sealed class M0002Incomplete : ForwardOnlyMigration
{
    public const long Version = 2;

    public override void Up() => Execute.Sql(
        """
        CREATE TABLE incomplete (
          repository TEXT COLLATE BINARY NOT NULL,
          digest TEXT COLLATE BINARY NOT NULL,
          PRIMARY KEY (repository, digest)
        ) STRICT, WITHOUT ROWID
        """);
}
