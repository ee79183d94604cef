using System.Net;
using Dapper;
using Microsoft.Data.Sqlite;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Push;

namespace Millpond.Tests.Lifecycle.Collection;

/// <summary>What goes and what stays, pulled and pushed, by the clock.</summary>
public sealed class CollectionTests
{
    private static readonly TestBlob Shared = TestBlob.Generated(seed: 1, length: 40_000);

    private static TestImage Image(int seed) => TestImages.WithLayers(Shared, TestBlob.Generated(seed, length: 30_000 + seed));

    [Fact]
    public async Task The_bytes_of_a_dropped_image_go_after_the_grace_and_shared_layers_stay()
    {
        await using var host = await CollectedHost.StartAsync();
        var (one, two) = (Image(10), Image(11));
        host.Upstream.Add("a", one, "1");
        host.Upstream.Add("a", two, "2");
        await host.PullAsync("up/a", one, "1");
        await host.PullAsync("up/a", two, "2");
        Assert.Equal(HttpStatusCode.Accepted, await host.DeleteAsync($"/v2/up/a/manifests/{one.Digest}"));

        // A pull after it expired does not keep it: nobody can pull it by the cache any more but by fetching it again.
        await host.PassAsync();
        await host.PassAsync(CollectedHost.Grace - TimeSpan.FromMinutes(1));
        Assert.True(host.IsStored(one.Layer));
        await host.PassAsync(TimeSpan.FromMinutes(1));
        Assert.False(host.IsStored(one.Layer));
        Assert.True(host.IsStored(Shared));
        Assert.True(host.IsStored(two.Layer));
        Assert.False(await host.HasManifestAsync(one.Digest));

        // Pulled again it is fetched again; the other from here.
        var before = host.Upstream.BytesSentOf(two.Layer.Digest);
        await host.PullAsync("up/a", one, "1");
        await host.PullAsync("up/a", two, "2");
        Assert.Equal(before, host.Upstream.BytesSentOf(two.Layer.Digest));
        await host.PassAsync(CollectedHost.Grace, times: 3);
        Assert.True(host.IsStored(one.Layer));
    }

    [Fact]
    public async Task A_moved_tag_leaves_its_image_for_thirty_days_after_its_last_pull_and_a_head_is_none()
    {
        await using var host = await CollectedHost.StartAsync();
        var (old, now) = (Image(20), Image(21));
        host.Upstream.Add("a", old, "latest");
        await host.PullAsync("up/a", old, "latest");
        host.Upstream.Add("a", now, "latest");
        host.Skip(TimeSpan.FromDays(2));
        await host.PullAsync("up/a", now, "latest");

        host.Skip(TimeSpan.FromDays(20));
        (await host.Millpond.ManifestAsync("up/a", old.Digest.ToString())).Dispose();
        await host.CollectAsync();
        host.Skip(Collector.UntaggedFor - TimeSpan.FromHours(3));
        (await host.Millpond.ManifestAsync("up/a", old.Digest.ToString(), HttpMethod.Head)).Dispose();
        await host.CollectAsync();
        Assert.True(host.IsStored(old.Layer));

        host.Skip(TimeSpan.FromHours(3));
        await host.PassAsync();
        await host.CollectAsync();
        await host.CollectAsync();
        Assert.False(host.IsStored(old.Layer));
        Assert.False(await host.HasManifestAsync(old.Digest));
        Assert.True(host.IsStored(now.Layer));
    }

    [Fact]
    public async Task Children_of_a_tagged_index_and_referrers_of_what_is_tagged_stay_and_go_with_it()
    {
        await using var host = await CollectedHost.StartAsync();
        var index = TestImages.TwoPlatforms();
        var signature = TestImages.Artifact("application/vnd.example.signature", index.Manifest, """{"signed":true}""");
        host.Upstream.Add("a", index, "v1");
        host.Upstream.Add("a", signature);
        await host.PullAsync("up/a", index, "v1");
        await host.PullAsync("up/a", signature);
        host.Skip(Collector.UntaggedFor * 2);
        await host.CollectAsync();
        await host.CollectAsync();
        Assert.All(CollectedHost.All(index).Concat(signature.Blobs), blob => Assert.True(host.IsStored(blob)));

        Assert.Equal(HttpStatusCode.Accepted, await host.DeleteAsync($"/v2/up/a/manifests/{index.Digest}"));
        for (var level = 0; level < 3; level++)
        {
            await host.CollectAsync();
        }

        Assert.All(CollectedHost.All(index).Concat(signature.Blobs), blob => Assert.False(host.IsStored(blob)));
        Assert.False(await host.HasManifestAsync(signature.Digest));
    }

    [Fact]
    public async Task A_pull_of_one_platform_by_digest_is_one_of_its_index_and_of_what_it_says_something_of()
    {
        await using var host = await CollectedHost.StartAsync();
        var index = TestImages.TwoPlatforms();
        var signature = TestImages.Artifact("application/vnd.example.signature", index.Manifest, """{"signed":true}""");
        host.Upstream.Add("a", index);
        host.Upstream.Add("a", signature);
        await host.PullAsync("up/a", index);
        await host.PullAsync("up/a", signature);
        foreach (var digest in (string[])[index.Children[0].Digest.ToString(), signature.Digest.ToString()])
        {
            host.Skip(Collector.UntaggedFor - TimeSpan.FromDays(1));
            (await host.Millpond.ManifestAsync("up/a", digest)).Dispose();
            await host.CollectAsync();
            Assert.True(await host.HasManifestAsync(index.Digest));
            Assert.True(await host.HasManifestAsync(index.Children[1].Digest));
        }
    }

    [Fact]
    public async Task What_was_pushed_stays_untagged_for_ever()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(30);
        await host.Push.PushAsync(image);
        host.Skip(TimeSpan.FromDays(400));
        await host.CollectAsync();
        await host.CollectAsync();
        await host.Millpond.PullAsync("team/app", image);
    }

    [Fact]
    public async Task A_pushed_blob_that_no_manifest_names_stays_a_day_after_it_was_last_asked_for()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(40);
        foreach (var blob in image.Blobs)
        {
            await host.Push.PushBlobAsync(blob.ToArray());
        }

        await host.PassAsync();
        await host.PassAsync(TimeSpan.FromHours(23));
        Assert.Equal(HttpStatusCode.OK, await host.Push.HeadAsync($"blobs/{image.Layer.Digest}"));
        await host.PassAsync(TimeSpan.FromHours(23));
        await host.CollectAsync();
        Assert.Equal(HttpStatusCode.OK, await host.Push.HeadAsync($"blobs/{image.Layer.Digest}"));

        // The others were not asked for: a manifest that names them is refused, and nothing is half here.
        Assert.Equal(HttpStatusCode.NotFound, await host.Push.HeadAsync($"blobs/{Shared.Digest}"));
        using (var refused = await host.Push.PutManifestAsync(image.Manifest, "1"))
        {
            Assert.Equal("MANIFEST_BLOB_UNKNOWN", await PushClient.CodeAsync(refused));
        }

        await host.PassAsync(TimeSpan.FromHours(25));
        await host.CollectAsync();
        Assert.False(host.IsStored(image.Layer));
        Assert.Equal(HttpStatusCode.NotFound, await host.Push.HeadAsync($"blobs/{image.Layer.Digest}"));
        await host.Push.PushAsync(image, "1");
        await host.Millpond.PullAsync("team/app", image, "1");
    }

    [Fact]
    public async Task The_blobs_of_a_deleted_manifest_go_and_those_of_another_repository_stay()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(50);
        await host.Push.PushAsync(image, "1");
        await new PushClient(host.Millpond, "team/other").PushAsync(TestImages.WithLayers(Shared), "1");
        Assert.Equal(HttpStatusCode.Accepted, await host.Push.DeleteAsync($"manifests/{image.Digest}"));
        host.Skip(TimeSpan.FromHours(25));
        await host.CollectAsync();
        Assert.False(host.IsStored(image.Layer));
        Assert.True(host.IsStored(Shared));
        Assert.Equal(HttpStatusCode.NotFound, await host.Push.HeadAsync($"blobs/{Shared.Digest}"));
    }

    [Fact]
    public async Task A_restart_between_mark_and_sweep_forgets_nothing()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(60);
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");
        await host.DeleteAsync($"/v2/up/a/manifests/{image.Digest}");
        await host.PassAsync();
        await host.Millpond.RestartAsync();
        await host.PassAsync(CollectedHost.Grace);
        Assert.False(host.IsStored(image.Layer));
    }

    [Fact]
    public async Task Marks_of_a_clock_that_was_ahead_begin_anew_and_one_that_is_set_ahead_collects_nothing_for_a_grace()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(70);
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");
        await host.DeleteAsync($"/v2/up/a/manifests/{image.Digest}");
        var clock = new SetClock(host.Time);
        var collector = host.Collection.CollectorOf(CollectedHost.Grace, clock);
        clock.Ahead = TimeSpan.FromDays(100);
        await collector.PassAsync(TestContext.Current.CancellationToken);
        clock.Ahead = default;
        await collector.PassAsync(TestContext.Current.CancellationToken);
        host.Skip(TimeSpan.FromMinutes(30));
        clock.Ahead = TimeSpan.FromHours(3);
        await collector.PassAsync(TestContext.Current.CancellationToken);
        Assert.True(host.IsStored(image.Layer));
        host.Skip(TimeSpan.FromMinutes(59));
        await collector.PassAsync(TestContext.Current.CancellationToken);
        Assert.True(host.IsStored(image.Layer));
        host.Skip(TimeSpan.FromMinutes(1));
        await collector.PassAsync(TestContext.Current.CancellationToken);
        Assert.False(host.IsStored(image.Layer));
    }

    [Fact]
    public async Task A_catalog_that_another_program_holds_interrupts_a_pass_and_the_next_one_begins_anew()
    {
        await using var host = await CollectedHost.StartAsync(allowErrors: true);
        var image = Image(80);
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");
        await host.DeleteAsync($"/v2/up/a/manifests/{image.Digest}");
        await host.PassAsync();
        using (var other = new SqliteConnection($"Data Source={host.Millpond.DataFolder}/catalog/catalog.db;Pooling=False"))
        {
            other.Open();
            other.Execute("BEGIN IMMEDIATE");
            await Assert.ThrowsAnyAsync<Server.Catalog.CatalogUnwrittenException>(() => host.PassAsync(CollectedHost.Grace));
            Assert.True(host.IsStored(image.Layer));
        }

        await host.PassAsync();
        Assert.False(host.IsStored(image.Layer));
    }

    [Fact]
    public async Task Bytes_that_nobody_knows_stay_for_thirty_days_after_they_were_found()
    {
        await using var host = await CollectedHost.StartAsync();
        var blob = TestBlob.Generated(seed: 90, length: 5_000);
        await host.Collection.Catalog.PutBlobAsync(blob.Digest, blob.Length, null, host.Time.GetUtcNow());
        host.Skip(Collector.ForgottenFor - TimeSpan.FromHours(2));
        await host.CollectAsync();
        Assert.NotNull(await host.Collection.Catalog.FindBlobAsync(blob.Digest));
        host.Skip(TimeSpan.FromHours(2));
        await host.CollectAsync();
        Assert.Null(await host.Collection.Catalog.FindBlobAsync(blob.Digest));
    }

    [Fact]
    public async Task It_runs_by_itself()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = Image(100);
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");

        // Else the image comes back: a client has asked for it, and the rest of it is fetched half a minute later.
        await host.Time.AdvanceUntilAsync(Eventually.HoldsAsync(() => host.Millpond.Log.Lines.Any(line => line.ToString().Contains("is whole", StringComparison.Ordinal))), TimeSpan.FromSeconds(10));
        await host.DeleteAsync($"/v2/up/a/manifests/{image.Digest}");
        await host.Time.AdvanceUntilAsync(Eventually.HoldsAsync(() => !host.IsStored(image.Layer)), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Sizes_count_each_digest_once_and_what_is_here()
    {
        await using var host = await CollectedHost.StartAsync();
        var twice = TestImages.WithLayers(Shared, Shared);
        var index = TestImages.TwoPlatforms();
        host.Upstream.Add("a", twice, "1");
        host.Upstream.Add("a", index, "2");
        await host.PullAsync("up/a", twice, "1");
        (await host.Millpond.ManifestAsync("up/a", "2")).Dispose();
        await host.Millpond.PullAsync("up/a", index.Children[0]);
        var images = await host.Collection.Catalog.Control.Images.ListAsync(
            (await host.Collection.Catalog.ListRepositoriesAsync(null, 1))[0], "", 10);
        Assert.Equal(twice.Blobs.DistinctBy(blob => blob.Digest).Sum(blob => blob.Length), images.Single(image => image.Digest == twice.Digest).BlobBytes);
        var child = index.Children[0];
        Assert.Equal(child.Manifest.Content.Length + child.Blobs.Sum(blob => blob.Length), images.Single(image => image.Digest == index.Digest).LargestChild);
    }

    /// <summary>A clock that somebody has set.</summary>
    private sealed class SetClock(TimeProvider real) : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => real.GetUtcNow() + Ahead;

        public override long GetTimestamp() => real.GetUtcNow().Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => real.CreateTimer(callback, state, dueTime, period);
    }
}
