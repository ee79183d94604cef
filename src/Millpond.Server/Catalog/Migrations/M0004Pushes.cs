namespace Millpond.Server.Catalog.Migrations;

/// <summary>
/// What was pushed is more than what is cached: when, and as what, since a digest may be a manifest and a layer of one repository and only
/// one of both is deleted. What there was until now counts as both. A repository's own digests are found by its name.
/// </summary>
internal sealed class M0004Pushes() : Migration(4, "Pushed content: since when, and as blob or manifest")
{
    protected override void Up()
    {
        Execute("ALTER TABLE repositories ADD COLUMN made_at INTEGER NOT NULL DEFAULT 0");
        Execute("ALTER TABLE links ADD COLUMN kinds INTEGER NOT NULL DEFAULT 3");
        Execute("ALTER TABLE links ADD COLUMN linked_at INTEGER NOT NULL DEFAULT 0");
        Execute("CREATE INDEX links_of_pushes ON links (repository, digest) WHERE origin = 0");
    }
}
