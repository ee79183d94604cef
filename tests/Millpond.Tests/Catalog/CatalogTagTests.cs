using Millpond.Images;
using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

public sealed class CatalogTagTests
{
    private static readonly RepositoryName Name = Repository("quay/a");

    [Fact]
    public async Task A_tag_moves_with_its_check_time()
    {
        await using var catalog = new TemporaryCatalog();
        var first = await catalog.PutImageAsync("quay/a", "v1", "one", "layer");
        catalog.Time.Advance(TimeSpan.FromHours(1));
        var second = await catalog.PutImageAsync("quay/a", "v1", "two", "layer");

        Assert.NotEqual(first, second);
        Assert.Equal(new TagRow("v1", second, TagOrigin.Pulled, catalog.Now, null), catalog.Database.FindTag(Name, "v1"));
        Assert.NotNull(catalog.Database.FindManifest(first));
    }

    [Fact]
    public async Task Absence_is_set_and_taken_back()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one");
        await catalog.PutImageAsync("quay/a", "v2", "one");

        await catalog.Database.SetTagAbsentAsync(Name, "v1", digest, catalog.Now);
        Assert.Equal(catalog.Now, catalog.Database.FindTag(Name, "v1")!.AbsentSince);
        Assert.Null(catalog.Database.FindTag(Name, "v2")!.AbsentSince);

        await catalog.Database.SetTagAbsentAsync(Name, "v1", digest, null);
        Assert.Null(catalog.Database.FindTag(Name, "v1")!.AbsentSince);
    }

    [Fact]
    public async Task A_tag_that_is_put_again_is_no_longer_absent()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one");
        await catalog.Database.SetTagAbsentAsync(Name, "v1", digest, catalog.Now);

        await catalog.PutImageAsync("quay/a", "v1", "one");

        Assert.Null(catalog.Database.FindTag(Name, "v1")!.AbsentSince);
    }

    [Fact]
    public async Task An_unknown_tag_is_not_made_by_being_absent_or_renewed()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.SetTagAbsentAsync(Name, "v1", DigestOf("x"), catalog.Now);
        catalog.Database.RenewTag(Name, "v1", catalog.Now);
        await catalog.ReopenAsync();

        Assert.Null(catalog.Database.FindTag(Name, "v1"));
    }

    [Fact]
    public async Task A_deleted_tag_leaves_its_manifest()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one");
        await catalog.PutImageAsync("quay/a", "v2", "one");

        await catalog.Database.DeleteTagAsync(CatalogReads.At(Name), "v1", DigestOf("what it meant before"));
        Assert.Equal(["v1", "v2"], catalog.Database.ListTags(Name, null, 10));
        await catalog.Database.DeleteTagAsync(CatalogReads.At(Name), "v1", digest);

        Assert.Null(catalog.Database.FindTag(Name, "v1"));
        Assert.Equal(["v2"], catalog.Database.ListTags(Name, null, 10));
        Assert.NotNull(catalog.Database.FindManifest(digest));
        Assert.True(catalog.Database.IsLinked(Name, digest));
    }

    [Fact]
    public async Task A_pushed_tag_says_so()
    {
        await using var catalog = new TemporaryCatalog();
        var (row, document) = Image("one");
        await catalog.Database.PutManifestAsync(Name, null, row, document, "v1", TagOrigin.Pushed, catalog.Now);

        Assert.Equal(TagOrigin.Pushed, catalog.Database.FindTag(Name, "v1")!.Origin);
    }

    [Fact]
    public async Task A_manifest_by_digest_makes_no_tag()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", null, "one");

        Assert.Empty(catalog.Database.ListTags(Name, null, 10));
        Assert.NotNull(catalog.Database.FindManifest(digest));
    }
}
