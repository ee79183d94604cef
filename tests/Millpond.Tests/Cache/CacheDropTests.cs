using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Memory;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class CacheDropTests
{
    /// <summary>Its client has all of it before the catalog knows whose it is.</summary>
    [Fact]
    public async Task A_blob_that_is_deleted_while_it_is_written_down_is_gone_after_that()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var blob = TestBlob.Generated(1, 20_000);
        upstream.Add("team/app", TestImages.WithLayers(blob), "1");
        await using var parts = new CacheParts(upstream);
        var target = parts.Target("team/app");
        var drop = new CacheDrop(parts.Catalog, parts.Known, parts.Negative, new Freshness(TimeProvider.System), parts.Fills.SettledAsync);
        Task<bool> dropping;
        using (parts.Store.Guards.TryDelete(blob.Digest))
        {
            await using var content = await parts.PullAsync("team/app", blob);
            await CacheParts.ReadAsync(content, blob, 0, (int)blob.Length);
            dropping = drop.BlobAsync(target, blob.Digest);
        }

        Assert.True(await dropping.WaitAsync(Patience.Limit));
        await parts.WhenEndedAsync(blob);
        Assert.False(await parts.Catalog.IsLinkedAsync(parts.Known.At(target), blob.Digest));
    }
}
