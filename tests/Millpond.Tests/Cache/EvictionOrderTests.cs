using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Catalog;
using Millpond.Server.Store;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Cache;

/// <summary>What goes first: the image that was pulled longest ago, whichever of its parts was pulled, and with its manifests.</summary>
public sealed class EvictionOrderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_base_layer_is_as_young_as_the_image_that_is_pulled_without_it(bool isWritten)
    {
        await using var catalog = new TemporaryCatalog();
        var kept = await PutAsync(catalog, "kept", "base", "kept layer");
        await PutAsync(catalog, "other", "other layer");
        catalog.Time.Advance(TimeSpan.FromHours(1));

        // Nodes have the layers and ask for the manifest only.
        catalog.Database.Touch(kept, catalog.Now);
        if (isWritten)
        {
            catalog.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(["blob other layer", "manifest other", "blob base", "blob kept layer", "manifest kept"], await OrderAsync(catalog));
    }

    [Fact]
    public async Task A_pull_of_a_layer_is_one_of_the_image_that_was_pulled_last_among_those_that_share_it()
    {
        await using var catalog = new TemporaryCatalog();
        await PutAsync(catalog, "old", "base", "old layer");
        catalog.Time.Advance(TimeSpan.FromHours(1));
        await PutAsync(catalog, "new", "base", "new layer");
        catalog.Time.Advance(TimeSpan.FromHours(1));

        catalog.Database.Touch(DigestOf("base"), catalog.Now);

        Assert.Equal(
            ["blob old layer", "manifest old", "blob base", "blob new layer", "manifest new"], await OrderAsync(catalog));
    }

    /// <summary>Nodes that have the layers ask for a manifest by HEAD or GET alone; each of the images keeps the base layer that all share.</summary>
    [Fact]
    public async Task The_base_layer_of_several_images_that_are_pulled_every_hour_stays_and_so_does_all_else_of_them()
    {
        await using var catalog = new TemporaryCatalog();
        var images = new List<Digest> { await PutAsync(catalog, "one", "base", "old layer"), await PutAsync(catalog, "two", "base", "new layer") };
        catalog.Time.Advance(TimeSpan.FromHours(1));
        await PutAsync(catalog, "other", "base", "other layer");
        for (var hour = 0; hour < 3; hour++)
        {
            catalog.Time.Advance(TimeSpan.FromMinutes(59));
            foreach (var image in images)
            {
                catalog.Time.Advance(TimeSpan.FromSeconds(1));
                catalog.Database.Touch(image, catalog.Now);
            }

            // A new node of the first image: of whichever image the base counts for, the first is not left behind.
            catalog.Database.Touch(DigestOf("old layer"), catalog.Now);
            catalog.Database.Touch(DigestOf("base"), catalog.Now);
        }

        Assert.Equal(["blob other layer", "manifest other"], (await OrderAsync(catalog))[..2]);
    }

    [Fact]
    public async Task A_pull_of_one_platform_is_one_of_its_index_and_the_time_is_to_the_second()
    {
        await using var catalog = new TemporaryCatalog();
        var child = await PutAsync(catalog, "child", "layer");
        var (index, document) = Index("index", child);
        await catalog.Database.PutManifestAsync(Repository("quay/a"), "quay", index, document, "v1", TagOrigin.Pulled, catalog.Now);
        catalog.Time.Advance(TimeSpan.FromSeconds(1));
        await PutAsync(catalog, "later", "later layer");
        catalog.Time.Advance(TimeSpan.FromSeconds(1));

        catalog.Database.Touch(DigestOf("layer"), catalog.Now);

        Assert.Equal(["blob later layer", "manifest later", "blob layer"], (await OrderAsync(catalog)).Take(3));
        Assert.Equal(
            [child.ToString(), index.Digest.ToString()],
            CatalogReads.Now(catalog.Database.Order.FirstAsync(10)).TakeLast(2).Select(row => row.Key).Order(StringComparer.Ordinal)
                .OrderByDescending(key => key == child.ToString()));
    }

    [Fact]
    public async Task Manifests_count_for_the_limit_and_go_with_their_image_and_its_tags()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var parts = new CacheParts(upstream, time, disk: new DiskSpace(() => (1L << 40, 1L << 40), _ => 100_000, _ => 0));
        var target = parts.Target("team/app");
        for (var i = 0; i < 20; i++)
        {
            var content = System.Text.Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"layers":[],"annotations":{"n":"{{i}}{{new string('x', 9000)}}"} }""");
            await parts.Fetch.KeepAsync(target, new ManifestContent(Digest.Sha256(content), ManifestDocument.OciManifest, content), $"v{i}");
            time.Advance(TimeSpan.FromSeconds(1));
        }

        await parts.Eviction.EnforceAsync();
        Assert.InRange(parts.Catalog.RecordedBytes, 1, 100_000);
        Assert.Equal(parts.Catalog.RecordedBytes, parts.Store.Disk.Recorded);
        Assert.Null(await parts.Memory.FindTagAsync(target, "v0"));
        Assert.NotNull(await parts.Memory.FindTagAsync(target, "v19"));
        var tags = await parts.Catalog.ListTagsAsync(parts.Known.At(target), null, 100);
        Assert.InRange(tags.Count, 8, 11);
        Assert.Equal(Enumerable.Range(20 - tags.Count, tags.Count).Select(i => $"v{i}").Order(StringComparer.Ordinal), tags);
    }

    [Fact]
    public async Task A_manifest_takes_its_links_and_those_of_children_that_nothing_else_names()
    {
        await using var catalog = new TemporaryCatalog();
        var (one, oneDocument) = Image("one", "shared", "own", "stored");
        await catalog.Database.PutManifestAsync(Repository("quay/a"), "quay", one, oneDocument, "v1", TagOrigin.Pulled, catalog.Now);
        await PutAsync(catalog, "two", "shared");
        await catalog.Database.PutBlobAsync(DigestOf("stored"), 6, null, null, catalog.Now);
        foreach (var child in new[] { "shared", "own", "stored" })
        {
            await catalog.Database.LinkAsync(Repository("quay/a"), "quay", DigestOf(child));
        }

        Assert.Null(await catalog.Database.Order.RemoveManifestAsync(one.Digest, catalog.Now.AddMinutes(-1)));
        Assert.NotNull(await catalog.Database.Order.RemoveManifestAsync(one.Digest, catalog.Now));

        Assert.Null(catalog.Database.FindManifest(one.Digest));
        Assert.Null(catalog.Database.FindTag(Repository("quay/a"), "v1"));
        Assert.False(catalog.Database.IsLinked(Repository("quay/a"), one.Digest));
        Assert.False(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("own")));
        Assert.True(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("shared")));
        Assert.True(catalog.Database.IsLinked(Repository("quay/a"), DigestOf("stored")));
    }

    /// <summary>An image of stored blobs.</summary>
    private static async Task<Digest> PutAsync(TemporaryCatalog catalog, string name, params string[] layers)
    {
        var digest = await catalog.PutImageAsync("quay/a", name, name, layers);
        foreach (var layer in layers)
        {
            await catalog.Database.PutBlobAsync(DigestOf(layer), layer.Length, Repository("quay/a"), "quay", catalog.Now);
        }

        return digest;
    }

    private static (ManifestRow Row, ManifestDocument Document) Index(string name, Digest child)
    {
        var content = System.Text.Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"annotations":{"name":"{{name}}"},"manifests":[{"mediaType":"{{ManifestDocument.OciManifest}}","digest":"{{child}}","size":1}]}""");
        return (new(Digest.Sha256(content), ManifestDocument.OciIndex, content), ManifestDocument.TryParse(content, ManifestDocument.OciIndex)!);
    }

    /// <summary>The order in words; those of one time by their names.</summary>
    private static async Task<string[]> OrderAsync(TemporaryCatalog catalog)
    {
        string[] layers = ["base", "kept layer", "other layer", "old layer", "new layer", "layer", "later layer"];
        await catalog.Database.Order.WritePullsAsync();
        return
        [
            .. CatalogReads.Now(catalog.Database.Order.FirstAsync(100))
                .Select(row => (Text: Name(row), row.PulledAt, row.Kind)).OrderBy(row => row.PulledAt).ThenBy(row => row.Kind).ThenBy(row => row.Text, StringComparer.Ordinal)
                .Select(row => row.Text),
        ];

        string Name(EvictableRow row) => row.Kind == EvictableKind.Blob
            ? $"blob {layers.Single(layer => DigestOf(layer).ToString() == row.Key)}"
            : $"manifest {ManifestName(catalog.Database.FindManifest(Digest.Parse(row.Key))!)}";

        static string ManifestName(ManifestRow row) =>
            (string)System.Text.Json.Nodes.JsonNode.Parse(row.Content.Span)!["annotations"]!["name"]!;
    }
}
