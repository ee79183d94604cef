using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Lifecycle.Collection;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Lifecycle.Pins;

/// <summary>What a pin keeps: of what is here, of what comes, from eviction and from collection; and what it lets go.</summary>
public sealed class PinTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_pinned_image_is_not_evicted_whether_it_was_here_or_comes_later_and_with_all_below_it()
    {
        await using var host = await CollectedHost.StartAsync(limit: 3_000_000);
        var index = TestImages.TwoPlatforms();
        var later = TestImages.WithLayers(TestBlob.Generated(seed: 1, length: 400_000));
        host.Upstream.Add("keep/a", index, "v2.0");
        host.Upstream.Add("keep/b", later, "v2.1");
        await host.PullAsync("up/keep/a", index, "v2.0");
        Assert.Equal(PinOutcome.Kept, await host.Collection.Pins.AddAsync("up/keep/*:v2*", None));
        host.Skip(TimeSpan.FromMinutes(1));
        await host.PullAsync("up/keep/b", later, "v2.1");
        await Eventually.HoldsAsync(async () => (await host.Collection.Catalog.Collection.Pins.FindAsync(later.Layer.Digest)).HasFlag(KeptFor.Pin));
        for (var i = 0; i < 12; i++)
        {
            host.Skip(TimeSpan.FromMinutes(1));
            var other = TestImages.WithLayers(TestBlob.Generated(seed: 50 + i, length: 700_000));
            host.Upstream.Add("other", other, $"t{i}");
            await host.Millpond.PullAsync("up/other", other, $"t{i}");
        }

        Assert.All(CollectedHost.All(index).Concat(later.Blobs), blob => Assert.True(host.IsStored(blob)));
        Assert.True(await host.HasManifestAsync(index.Digest));
        Assert.Equal(2, await host.Collection.Pins.CountAsync());
    }

    [Fact]
    public async Task An_untagged_image_of_a_pinned_repository_stays_and_goes_when_the_pin_is_gone()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Generated(seed: 2, length: 5_000));
        host.Upstream.Add("a", image);
        await host.PullAsync("up/a", image);
        Assert.Equal(PinOutcome.Kept, await host.Collection.Pins.AddAsync("up/*", None));
        await host.PassAsync();
        host.Skip(Collector.UntaggedFor * 3);
        await host.CollectAsync();
        await host.CollectAsync();
        Assert.True(host.IsStored(image.Layer));

        Assert.True(await host.Collection.Pins.RemoveAsync("up/*"));
        Assert.False(await host.Collection.Pins.RemoveAsync("up/*"));
        await host.CollectAsync();
        await host.CollectAsync();
        Assert.False(host.IsStored(image.Layer));
        Assert.Equal(0, await host.Collection.Pins.CountAsync());
    }

    [Fact]
    public async Task A_tag_that_moves_takes_its_pin_along_and_a_layer_that_another_pinned_image_needs_stays_pinned()
    {
        await using var host = await CollectedHost.StartAsync();
        var shared = TestBlob.Generated(seed: 3, length: 5_000);
        var (old, now) = (TestImages.WithLayers(shared, TestBlob.Of("old")), TestImages.WithLayers(shared, TestBlob.Of("now")));
        host.Upstream.Add("a", old, "v1");
        await host.PullAsync("up/a", old, "v1");
        await host.Collection.Pins.AddAsync("up/a:v1", None);
        host.Upstream.Add("a", now, "v1");
        host.Skip(TimeSpan.FromDays(2));
        await host.PullAsync("up/a", now, "v1");
        await Eventually.HoldsAsync(async () => (await Kept(host, now.Digest)).HasFlag(KeptFor.Pin));
        await host.PassAsync();
        Assert.Equal(KeptFor.Nothing, await Kept(host, old.Digest));
        Assert.Equal(KeptFor.Nothing, await Kept(host, TestBlob.Of("old").Digest));
        Assert.Equal(KeptFor.Pin, await Kept(host, shared.Digest));
        Assert.Equal(KeptFor.Pin, await Kept(host, TestBlob.Of("now").Digest));

        static async Task<KeptFor> Kept(CollectedHost host, Digest digest) => await host.Collection.Catalog.Collection.Pins.FindAsync(digest);
    }

    [Fact]
    public async Task There_are_a_thousand_at_most_and_they_outlive_a_restart()
    {
        await using var host = await CollectedHost.StartAsync();
        for (var i = 0; i < PinBook.Most; i++)
        {
            await host.Collection.Catalog.Collection.Pins.AddAsync($"up/n{i}", PinBook.Most, host.Time.GetUtcNow());
        }

        Assert.Equal(PinOutcome.Full, await host.Collection.Pins.AddAsync("up/more", None));
        Assert.Equal(PinOutcome.Kept, await host.Collection.Pins.AddAsync("up/n1", None));
        Assert.Equal(PinOutcome.Invalid, await host.Collection.Pins.AddAsync("Up/N", None));
        await host.Millpond.RestartAsync();
        await Eventually.HoldsAsync(() => host.Collection.Pins.Covering(RepositoryName.Parse("up/n999")).Count == 1);
    }

    /// <summary>Pushed, pinned and held rows are in no index of what may go: a decision reads only what may.</summary>
    [Fact]
    public async Task Last_copies_go_when_nothing_else_is_left_and_pushed_and_pinned_never()
    {
        await using var catalog = new TemporaryCatalog();
        var digests = new Dictionary<string, Digest>();
        foreach (var name in (string[])["pinned", "last", "usual"])
        {
            digests[name] = await catalog.PutImageAsync("quay/a", name, name, $"{name} layer");
            await catalog.Database.PutBlobAsync(DigestOf($"{name} layer"), 10, Repository("quay/a"), "quay", catalog.Now);
            catalog.Time.Advance(TimeSpan.FromMinutes(1));
        }

        await catalog.Database.Contents.PutBlobAsync(OriginRepository.Own(Repository("team/a")), DigestOf("pushed"), 10, catalog.Now);
        await catalog.Database.Collection.Pins.KeepAsync(digests["pinned"].ToString(), KeptFor.Pin);
        await catalog.Database.Collection.Pins.KeepAsync(digests["last"].ToString(), KeptFor.LastCopy);
        Assert.Equal([DigestOf("usual layer").ToString(), digests["usual"].ToString()], (await catalog.Database.Order.FirstAsync(10)).Select(row => row.Key));
        Assert.Equal([DigestOf("last layer").ToString(), digests["last"].ToString()], (await catalog.Database.Order.FirstAsync(10, lastCopies: true)).Select(row => row.Key));
        Assert.True(await catalog.Database.Order.MayGoAsync(DigestOf("last layer"), evenLastCopies: true));
        Assert.False(await catalog.Database.Order.MayGoAsync(DigestOf("last layer"), evenLastCopies: false));
        Assert.False(await catalog.Database.Order.MayGoAsync(DigestOf("pinned layer"), evenLastCopies: true));
        Assert.False(await catalog.Database.Order.MayGoAsync(DigestOf("pushed"), evenLastCopies: true));
        Assert.Null(await catalog.Database.Order.RemoveManifestAsync(digests["pinned"], catalog.Now, evenLastCopies: true));
        Assert.Null(await catalog.Database.Order.RemoveManifestAsync(digests["last"], catalog.Now));

        await catalog.Database.Collection.Pins.ReleaseAsync(digests["last"].ToString(), KeptFor.LastCopy);
        Assert.Equal(4, (await catalog.Database.Order.FirstAsync(10)).Count);
        Assert.NotNull(await catalog.Database.Order.RemoveManifestAsync(digests["last"], catalog.Now));
    }
}
