using Millpond.Server.Governing;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What memory holds of the catalog: read without waiting or allocating, and told when a row is gone.</summary>
public sealed class MemoryReadTests
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 760);

    [Fact]
    public async Task A_read_that_memory_answers_allocates_nothing()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var parts = new CacheParts(upstream);
        var target = parts.Target("team/app");
        await parts.Fetch.RunAsync(target, "1", "1", null, RequestReason.Pull, CancellationToken.None);
        parts.Known.Link(target, Image.Layer.Digest);
        parts.Known.Stored(Image.Layer.Digest, Image.Layer.Length);
        Assert.True(ReadAll());

        var before = GC.GetAllocatedBytesForCurrentThread();
        var all = true;
        for (var i = 0; i < 100; i++)
        {
            all &= ReadAll();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(all);

        bool ReadAll() =>
            CatalogReads.Now(parts.Known.IsLinkedAsync(target, Image.Layer.Digest))
            && CatalogReads.Now(parts.Known.FindStoredSizeAsync(Image.Layer.Digest)) is not null
            && CatalogReads.Now(parts.Memory.FindManifestAsync(Image.Digest)) is not null
            && CatalogReads.Now(parts.Memory.FindTagAsync(target, "1")) is not null;
    }

    [Fact]
    public async Task What_is_taken_from_the_catalog_is_forgotten_where_it_is_told()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var parts = new CacheParts(upstream);
        var target = parts.Target("team/app");
        var at = parts.Known.At(target);
        await parts.Fetch.RunAsync(target, "1", "1", null, RequestReason.Pull, CancellationToken.None);
        Assert.NotNull(await parts.Catalog.Order.RemoveManifestAsync(Image.Digest, DateTimeOffset.MaxValue));

        Assert.NotNull(await parts.Memory.FindTagAsync(target, "1"));
        Assert.True(await parts.Known.IsLinkedAsync(target, Image.Digest));
        parts.Memory.ForgetTag(at.Name, at.Origin, "1");
        parts.Memory.ForgetManifest(Image.Digest);
        parts.Known.ForgetLink(at, Image.Digest);
        Assert.Null(await parts.Memory.FindTagAsync(target, "1"));
        Assert.Null(await parts.Memory.FindManifestAsync(Image.Digest));
        Assert.False(await parts.Known.IsLinkedAsync(target, Image.Digest));
        Assert.False(CatalogReads.Now(parts.Catalog.IsLinkedAsync(at, Image.Digest)));
    }
}
