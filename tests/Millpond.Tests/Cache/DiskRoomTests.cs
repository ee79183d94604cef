using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>A store with a limit of one million bytes.</summary>
public sealed class DiskRoomTests
{
    private const int Kilobyte = 1000;

    [Theory]
    [InlineData(-1, true)]
    [InlineData(1, false)]
    public async Task A_paused_download_makes_room_by_the_time_of_its_last_byte(int hoursAfterThePull, bool dropped)
    {
        var (partial, stored, next) = (Blob(1, 300), Blob(2, 600), Blob(3, 350));
        await using var upstream = await NewUpstreamAsync(stored, next);
        await using var parts = new CacheParts(upstream, disk: NewDisk());
        await PauseAsync(parts, partial);
        await FillAsync(parts, stored);
        File.SetLastWriteTimeUtc(parts.PartialOf(partial), DateTime.UtcNow.AddHours(hoursAfterThePull));

        await FillAsync(parts, next);
        Assert.Equal(!dropped, parts.Store.HasPartial(partial.Digest));
        Assert.Equal(dropped, parts.Store.FindLength(stored.Digest) is not null);
        Assert.Equal(next.Length, parts.Store.FindLength(next.Digest));
    }

    [Fact]
    public async Task Paused_downloads_alone_never_keep_a_blob_from_being_stored()
    {
        var (partial, next) = (Blob(4, 900), Blob(5, 800));
        await using var upstream = await NewUpstreamAsync(next);
        await using var parts = new CacheParts(upstream, disk: NewDisk());
        await PauseAsync(parts, partial);
        await FillAsync(parts, next);
        Assert.Equal(next.Length, parts.Store.FindLength(next.Digest));
    }

    [Fact]
    public async Task A_blob_of_unknown_length_that_outgrows_the_limit_is_passed_through_whole()
    {
        var blob = TestBlob.Generated(seed: 6, length: 12_000_000);
        await using var upstream = await NewUpstreamAsync(blob);
        upstream.Arm(UpstreamFault.NoContentLength, times: int.MaxValue, kind: RequestKind.Blob);
        await using var parts = new CacheParts(upstream, disk: NewDisk(limit: 6_000_000));
        var pull = await parts.Blobs.GetAsync(parts.Target("team/app"), blob.Digest, default, CancellationToken.None);
        await using (var content = pull.Value!)
        {
            await CacheParts.ReadAsync(content, blob, 0, (int)blob.Length);
            Assert.Equal(0, await content.ReadAsync(new byte[1], blob.Length, CancellationToken.None));
        }

        await WhenEndedAsync(parts, blob);
        Assert.Null(parts.Store.FindLength(blob.Digest));
        Assert.Equal((0, 0), (parts.Store.Disk.Staged, parts.Store.Disk.Stored));
        await parts.Log.WhenLineAsync("could not be stored");
    }

    [Fact]
    public async Task An_unlisted_blob_is_counted_once_when_it_is_pulled()
    {
        var blob = Blob(7, 100);
        await using var upstream = await NewUpstreamAsync(blob);
        await using var parts = new CacheParts(upstream, disk: NewDisk());
        parts.LeaveUnlisted(blob);
        await (await parts.PullAsync("team/app", blob)).DisposeAsync();
        await (await parts.PullAsync("team/app", blob)).DisposeAsync();
        Assert.Equal(blob.Length, parts.Store.Disk.Stored);
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task An_unlisted_blob_that_nobody_pulls_is_found_after_the_start_and_can_be_evicted()
    {
        var (unlisted, next) = (Blob(8, 700), Blob(9, 800));
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var upstream = await NewUpstreamAsync(next);
        await using var parts = new CacheParts(upstream, time, disk: NewDisk());
        parts.LeaveUnlisted(unlisted);
        var walk = parts.Adoption.RunAsync(CancellationToken.None);
        Assert.Equal(0, parts.Store.Disk.Stored);
        time.Advance(TimeSpan.FromMinutes(1));
        await walk.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(unlisted.Length, parts.Store.Disk.Stored);
        Assert.Equal(unlisted.Length, Millpond.Tests.Catalog.CatalogReads.FindBlob(parts.Catalog, unlisted.Digest)!.Size);

        await FillAsync(parts, next);
        Assert.Null(parts.Store.FindLength(unlisted.Digest));
        Assert.Equal(next.Length, parts.Store.Disk.Stored);
    }

    [Theory]
    [InlineData(1_000_000, true)]
    [InlineData(500_000, false)]
    public async Task What_is_stored_counts_against_the_limit_after_a_restart_too(int limit, bool fits)
    {
        var (stored, next) = (Blob(10, 700), Blob(11, 400));
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync(stored, next);
        await using (var before = await StartAsync(upstream, data, 1_000_000))
        {
            await PullAsync(before, stored);
        }

        await using var host = await StartAsync(upstream, data, limit);
        Assert.Equal(fits, IsStored(host, stored));
        await PullAsync(host, next);
        Assert.False(IsStored(host, stored));
        Assert.True(IsStored(host, next));
    }

    [Fact]
    public async Task What_can_never_fit_costs_each_client_one_request_of_its_blob()
    {
        var image = TestImages.WithLayers(TestBlob.Generated(131, 100_000));
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", image, "1");
        using var data = new TemporaryFolder();

        // The clock stands still: on a busy machine a client may read so late that its connection was given back, and goes on by another.
        // There is room for the manifest, which says how long the layer is.
        await using var host = await StartAsync(upstream, data, image.Layer.Length / 2, new FakeTimeProvider());

        // For the same reason as above this one waits until the manifest is in the catalog.
        (await host.ManifestAsync("up/team/app", "1")).Dispose();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => host.PullAsync("up/team/app", image, "1")));
        Assert.Equal(3, upstream.Requests(RequestKind.Blob).Count(request => request.Url.Contains(image.Layer.Digest.ToString(), StringComparison.Ordinal)));
        Assert.False(IsStored(host, image.Layer));
    }

    private static Task<MillpondHost> StartAsync(FakeUpstream upstream, TemporaryFolder data, long limit, TimeProvider? time = null) => MillpondHost.StartAsync(
        upstream,
        new MillpondHostOptions { Time = time ?? TimeProvider.System, Data = data, Configure = all => all with { Storage = all.Storage with { Limit = new(limit, 0), Headroom = new(0, 0) } } });

    private static async Task PullAsync(MillpondHost host, TestBlob blob)
    {
        using var response = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(blob.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await host.Log.WhenLineAsync($"Filled {blob.Digest}");
    }

    private static bool IsStored(MillpondHost host, TestBlob blob) =>
        File.Exists(Path.Join(host.DataFolder, "store", "sha256", blob.Digest.Hex[..2], blob.Digest.Hex));

    private static TestBlob Blob(int seed, int kilobytes) => TestBlob.Generated(120 + seed, kilobytes * Kilobyte);

    private static DiskSpace NewDisk(long limit = 1_000_000) => new(() => (1L << 40, 1L << 40), _ => limit, _ => 0);

    private static async Task PauseAsync(CacheParts parts, TestBlob blob)
    {
        var staging = parts.Store.Begin(blob.Digest, blob.Length * 2, "up", "up/team/app");
        staging.Append(blob.ToArray());
        await staging.KeepAsync();
    }

    /// <summary>Pulls it and waits until it is stored.</summary>
    private static async Task FillAsync(CacheParts parts, TestBlob blob)
    {
        await using var content = await parts.PullAsync("team/app", blob);
        await CacheParts.ReadAsync(content, blob, 0, (int)blob.Length);
        await WhenEndedAsync(parts, blob);
    }

    private static Task WhenEndedAsync(CacheParts parts, TestBlob blob) =>
        (parts.Fills.Find(blob.Digest)?.Ended ?? Task.CompletedTask).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);

    private static async Task<FakeUpstream> NewUpstreamAsync(params TestBlob[] blobs)
    {
        var upstream = await FakeUpstream.StartAsync();
        foreach (var blob in blobs)
        {
            upstream.AddBlob("team/app", blob);
        }

        return upstream;
    }
}
