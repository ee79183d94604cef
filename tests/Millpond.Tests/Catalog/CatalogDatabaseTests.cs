using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

public sealed class CatalogDatabaseTests
{
    [Fact]
    public async Task A_manifest_comes_back_byte_for_byte_with_its_tag()
    {
        await using var catalog = new TemporaryCatalog();
        var (row, document) = Image("one", "layer");

        await catalog.Database.PutManifestAsync(Repository(), "quay", row, document, "v1", TagOrigin.Pulled, catalog.Now);

        var found = catalog.Database.FindManifest(row.Digest);
        Assert.Equal(row.MediaType, found!.MediaType);
        Assert.Equal(row.Content.ToArray(), found.Content.ToArray());
        Assert.Equal(new TagRow("v1", row.Digest, TagOrigin.Pulled, catalog.Now, null), catalog.Database.FindTag(Repository(), "v1"));
    }

    [Fact]
    public async Task What_is_not_there_is_null()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.PutImageAsync("quay/a", "v1", "one", "layer");

        Assert.Null(catalog.Database.FindTag(Repository("quay/a"), "v2"));
        Assert.Null(catalog.Database.FindTag(Repository("quay/b"), "v1"));
        Assert.Null(catalog.Database.FindTag(Repository("quay/a"), "V1"));
        Assert.Null(catalog.Database.FindManifest(DigestOf("other")));
        Assert.Null(catalog.Database.FindBlob(DigestOf("layer")));
        Assert.Null(catalog.Database.FindDescribedSize(Repository("quay/a"), DigestOf("other")));
        Assert.Null(CatalogReads.Now(catalog.Database.Lists.FindAsync(CatalogReads.At(Repository("quay/a")), "tags")));
        Assert.Empty(catalog.Database.ListTags(Repository("quay/b"), null, 10));
    }

    [Fact]
    public async Task A_manifest_links_itself_and_none_of_its_children()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one", "layer", "layer", "other");

        Assert.True(catalog.Database.IsLinked(Repository("quay/a"), digest));
        Assert.False(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("layer")));
        Assert.False(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("other")));
        Assert.False(catalog.Database.IsLinked(Repository("quay/b"), digest));
    }

    [Fact]
    public async Task A_stored_manifest_is_put_into_another_repository()
    {
        await using var catalog = new TemporaryCatalog();
        var (row, document) = Image("one", "layer");
        await catalog.Database.PutManifestAsync(Repository("quay/a"), "quay", row, document, "v1", TagOrigin.Pulled, catalog.Now);

        await catalog.Database.PutManifestAsync(Repository("k8s/b"), "k8s", row, document, null, TagOrigin.Pulled, catalog.Now);

        Assert.True(catalog.Database.IsLinked(Repository("k8s/b"), row.Digest));
        Assert.NotNull(catalog.Database.FindDescribedSize(Repository("k8s/b"), DigestOf("layer")));
        Assert.Equal([Repository("k8s/b"), Repository("quay/a")], catalog.Database.ListRepositories(null, 10));
    }

    [Fact]
    public async Task A_blob_is_counted_once_and_linked_where_it_was_pulled()
    {
        await using var catalog = new TemporaryCatalog();
        var blob = DigestOf("layer");

        await catalog.Database.PutBlobAsync(blob, 100, Repository("quay/a"), "quay", catalog.Now);
        await catalog.Database.PutBlobAsync(blob, 100, Repository("quay/b"), "quay", catalog.Now);
        await catalog.Database.PutBlobAsync(DigestOf("found"), 11, null, null, catalog.Now);

        Assert.Equal(new BlobRow(blob, 100, catalog.Now, catalog.Now), catalog.Database.FindBlob(blob));
        Assert.True(catalog.Database.IsLinked(Repository("quay/a"), blob));
        Assert.True(catalog.Database.IsLinked(Repository("quay/b"), blob));
        Assert.False(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("found")));
        Assert.Equal(111, catalog.Database.TotalBlobBytes());
        Assert.Equal(2, catalog.Database.ListBlobs().Count);
    }

    [Fact]
    public async Task A_removed_blob_leaves_the_total_but_not_its_links()
    {
        await using var catalog = new TemporaryCatalog();
        var blob = DigestOf("layer");
        await catalog.Database.PutBlobAsync(blob, 100, Repository(), "quay", catalog.Now);

        await catalog.Database.RemoveBlobAsync(blob);
        await catalog.Database.RemoveBlobAsync(blob);

        Assert.Null(catalog.Database.FindBlob(blob));
        Assert.Equal(0, catalog.Database.TotalBlobBytes());
        Assert.True(catalog.Database.IsLinked(Repository(), blob));
    }

    [Fact]
    public async Task Everything_is_there_after_a_restart()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one", "layer");
        await catalog.Database.PutBlobAsync(DigestOf("layer"), 5, Repository("quay/a"), "quay", catalog.Now);
        using (var list = catalog.Database.Lists.Begin(CatalogReads.At(Repository("quay/a")), "tags"))
        {
            await list.AddAsync([new ListEntry("v1"), new ListEntry("v0")]);
            await list.PutAsync(isCut: false, catalog.Now);
        }


        await catalog.ReopenAsync();

        Assert.Equal(digest, catalog.Database.FindTag(Repository("quay/a"), "v1")!.Digest);
        Assert.NotNull(catalog.Database.FindManifest(digest));
        Assert.Equal(5, catalog.Database.TotalBlobBytes());
        var kept = CatalogReads.Now(catalog.Database.Lists.FindAsync(CatalogReads.At(Repository("quay/a")), "tags"))!;
        Assert.Equal((2, null, catalog.Now), (kept.Count, kept.CutAt, kept.CheckedAt));
        Assert.Equal(["v0", "v1"], CatalogReads.Now(catalog.Database.Lists.PageAsync(kept.Entries, null, null, 10)).Select(entry => entry.Name));
        Assert.True(catalog.Database.Answers(out _));
    }
}
