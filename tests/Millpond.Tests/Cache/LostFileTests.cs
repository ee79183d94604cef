using System.Net;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Files that are lost, cut, or cannot be used: fetched again, and counted as what is there.</summary>
public sealed class LostFileTests
{
    private static readonly TestBlob Layer = TestBlob.Generated(seed: 341, length: 600_000);
    private static readonly TestBlob Other = TestBlob.Generated(seed: 342, length: 600_000);
    private static readonly TestImage Image = TestImages.WithLayers(Layer, Other);

    [Theory]
    [InlineData(-1)]
    [InlineData(100)]
    public async Task A_file_that_was_lost_or_cut_under_the_server_leaves_the_books_once(int length)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        await parts.FillAsync(Layer);
        await parts.FillAsync(Other);
        Spoil(parts.FileOf(Layer), length);
        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => parts.FillAsync(Layer)));
        Assert.Equal(Layer.Length + Other.Length, parts.Store.Disk.Stored);

        Spoil(parts.FileOf(Layer), length);
        upstream.GoDown();
        for (var i = 0; i < 3; i++)
        {
            var pull = await parts.Blobs.GetAsync(parts.Target("team/app"), Layer.Digest, default, CancellationToken.None);
            Assert.False(pull.IsFound);
        }

        Assert.Equal(Other.Length, parts.Store.Disk.Stored);
    }

    /// <summary>After a restart nothing of it is in memory, and a pull looks at the disk first: the books are put right before anything is evicted, and where it fails.</summary>
    [Fact]
    public async Task A_file_that_was_lost_before_a_start_costs_no_other_its_place()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, disk: new DiskSpace(() => (1L << 40, 1L << 40), _ => 1_250_000, _ => 0));
        await parts.FillAsync(Other);
        await parts.FillAsync(Layer);
        await LoseAsync();
        var again = await parts.Blobs.GetAsync(parts.Target("team/app"), Layer.Digest, default, CancellationToken.None);
        await using (var content = again.Value!)
        {
            await CacheParts.ReadAsync(content, Layer, 0, (int)Layer.Length);
        }

        await parts.WhenEndedAsync(Layer);
        Assert.Equal(Other.Length, parts.Store.FindLength(Other.Digest));
        Assert.Equal(Layer.Length + Other.Length, parts.Store.Disk.Stored);

        await LoseAsync();
        upstream.GoDown();
        var pull = await parts.Blobs.GetAsync(parts.Target("team/app"), Layer.Digest, default, CancellationToken.None);
        Assert.False(pull.IsFound);
        await Eventually.HoldsAsync(() => parts.Store.Disk.Stored == Other.Length);

        async Task LoseAsync()
        {
            await Eventually.HoldsAsync(async () => await parts.Catalog.FindBlobAsync(Layer.Digest) is not null);
            File.Delete(parts.FileOf(Layer));
            parts.Known.ForgetLink(parts.Known.At(parts.Target("team/app")), Layer.Digest);
            parts.Known.Forget(Layer.Digest);
        }
    }

    [Fact]
    public async Task The_length_of_what_is_fetched_again_is_upstreams_word_and_no_hit()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        await parts.FillAsync(Layer);
        File.Delete(parts.FileOf(Layer));
        var stall = upstream.Arm(UpstreamFault.Stall, reference: Layer.Digest.ToString());
        await using var reading = await parts.PullAsync("team/app", Layer);
        await CacheParts.ReadAsync(reading, Layer, 0, 1000);
        var head = await parts.Blobs.HeadAsync(parts.Target("team/app"), Layer.Digest, default, CancellationToken.None);
        Assert.Equal((CacheStatus.Miss, Layer.Length), (head.Status, head.Value!.Length));
        stall.Release();
    }

    [Fact]
    public async Task A_blob_that_is_read_through_its_own_fill_is_not_evicted_in_vain()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, disk: new DiskSpace(() => (1L << 40, 1L << 40), _ => 1_000_000, _ => 0));
        await using (var reading = await parts.PullAsync("team/app", Layer))
        {
            await CacheParts.ReadAsync(reading, Layer, 0, (int)Layer.Length);
            await parts.WhenEndedAsync(Layer);
            Assert.True(parts.Store.IsInUse(Layer.Digest));
            await parts.FillAsync(Other);
            Assert.NotNull(parts.Store.FindLength(Layer.Digest));
            Assert.Null(parts.Store.FindLength(Other.Digest));
        }

        await parts.FillAsync(Other);
        Assert.Null(parts.Store.FindLength(Layer.Digest));
        Assert.Equal(Other.Length, parts.Store.FindLength(Other.Digest));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_that_may_not_be_opened_is_fetched_again(bool isPartial)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        if (isPartial)
        {
            File.CreateSymbolicLink(parts.PartialOf(Layer), parts.PartialOf(Layer));
            File.WriteAllText(parts.PartialOf(Layer) + ".json", $$"""{"digest":"{{Layer.Digest}}","size":600000,"rule":"up","repository":"up/team/app","bootId":"boot","flushed":1000}""");
        }
        else
        {
            await parts.FillAsync(Layer);
            File.Delete(parts.FileOf(Layer));
            File.CreateSymbolicLink(parts.FileOf(Layer), parts.FileOf(Layer));
        }

        await parts.FillAsync(Layer);
        Assert.Equal(Layer.ToArray(), await File.ReadAllBytesAsync(parts.FileOf(Layer), TestContext.Current.CancellationToken));
        Assert.Equal(Layer.Length, parts.Store.Disk.Stored);
    }

    [Fact]
    public async Task A_staging_folder_that_cannot_be_used_stores_nothing_and_serves_all()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { AllowErrors = true });
        Directory.Delete(Path.Join(host.DataFolder, "staging"), recursive: true);
        await File.WriteAllTextAsync(Path.Join(host.DataFolder, "staging"), "", TestContext.Current.CancellationToken);
        await host.PullAsync("up/team/app", Image, "1");
        using var ready = await host.Client.GetAsync(new Uri(host.Address, "/readyz"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.Contains("passed through", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task With_the_catalog_moved_away_a_cut_file_is_not_believed(bool manifestFirst)
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        string stored;
        await using (var before = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data }))
        {
            await before.PullAsync("up/team/app", Image, "1");
            await before.Log.WhenLineAsync($"Filled {Layer.Digest}");
            await before.Log.WhenLineAsync($"Filled {Other.Digest}");
            stored = Path.Join(before.DataFolder, "store", "sha256", Layer.Digest.Hex[..2], Layer.Digest.Hex);
        }

        Directory.Delete(Path.Join(data.File("data"), "catalog"), recursive: true);
        Spoil(stored, 60_000);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        if (manifestFirst)
        {
            await host.PullManifestAsync("up/team/app", "1");
        }

        foreach (var blob in new[] { Layer, Other })
        {
            using var response = await host.BlobAsync("up/team/app", blob.Digest);
            Assert.Equal(blob.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
    }

    /// <summary>A kill between the two would leave a file that an upstream must prove again: one that may be down by then.</summary>
    [Fact]
    public async Task Whose_a_file_is_stands_in_the_catalog_before_the_file_is_in_the_store()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var filling = parts.FillAsync(Layer);
        SpinWait.SpinUntil(() => File.Exists(parts.FileOf(Layer)), Patience.Limit);
        Assert.True(await parts.Catalog.IsLinkedAsync(parts.Known.At(parts.Target("team/app")), Layer.Digest));
        await filling;
    }

    [Fact]
    public async Task An_unlisted_file_of_the_right_length_and_wrong_bytes_is_thrown_away_by_the_walk()
    {
        await using var upstream = await NewUpstreamAsync();
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var parts = new CacheParts(upstream, time);
        var bytes = Layer.ToArray();
        bytes[300_000] ^= 1;
        parts.LeaveUnlisted(Layer, bytes);
        parts.LeaveUnlisted(Other);
        var walk = parts.Adoption.RunAsync(CancellationToken.None);
        time.Advance(TimeSpan.FromMinutes(1));
        await walk.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(parts.FileOf(Layer)));
        Assert.Equal(Other.Length, parts.Store.Disk.Stored);
        await parts.FillAsync(Layer);
    }

    private static void Spoil(string file, int length)
    {
        if (length < 0)
        {
            File.Delete(file);
            return;
        }

        using var cut = new FileStream(file, FileMode.Open);
        cut.SetLength(length);
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }
}
