using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>Limits of the machine: a disk that is too small, and memory under many slow clients.</summary>
[Trait("Category", "Heavy")]
public sealed class LimitTests
{
    private const long Megabyte = 1024 * 1024;

    [Fact]
    public async Task An_image_larger_than_the_disk_is_passed_through_and_a_small_one_is_cached_afterwards()
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.Mount(folder.File("disk"), 300);
        var large = TestImages.WithLayers(TestBlob.Generated(seed: 500, length: 500 * Megabyte));
        var small = TestImages.OnePlatform(seed: 501);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/large", large, "1");
        upstream.Add("team/small", small, "1");
        await using var millpond = await MillpondProcess.StartAsync(Path.Join(disk.Path, "data"), ["--upstream", $"quay={upstream.Address}"]);
        using var clients = new HashingClients(millpond.Address);

        Assert.Equal(large.Digest, await clients.ManifestAsync("quay/team/large", "1"));
        Assert.Equal((large.Layer.Length, large.Layer.Digest), await clients.BlobAsync("quay/team/large", large.Layer.Digest));
        await PullAsync(clients, "quay/team/small", small);
        await PullAsync(clients, "quay/team/small", small);
        Assert.All(small.Blobs, blob => Assert.Single(upstream.Requests(RequestKind.Blob), request => request.Reference == blob.Digest.ToString()));
    }

    [Fact]
    public async Task A_full_store_evicts_what_was_pulled_longest_ago()
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.Mount(folder.File("disk"), 300);
        await using var upstream = await FakeUpstream.StartAsync();
        var images = Enumerable.Range(0, 5).Select(n => TestImages.WithLayers(TestBlob.Generated(seed: 600 + n, length: 80 * Megabyte))).ToArray();
        for (var i = 0; i < images.Length; i++)
        {
            upstream.Add($"team/app{i}", images[i], "1");
        }

        await using var millpond = await MillpondProcess.StartAsync(Path.Join(disk.Path, "data"), ["--upstream", $"quay={upstream.Address}"]);
        using var clients = new HashingClients(millpond.Address);
        for (var i = 0; i < images.Length; i++)
        {
            await clients.ManifestAsync($"quay/team/app{i}", "1");
            Assert.Equal(images[i].Layer.Digest, (await clients.BlobAsync($"quay/team/app{i}", images[i].Layer.Digest)).Digest);
            await WhenStoredAsync(Path.Join(disk.Path, "data"), images[i].Layer.Digest.Hex);
        }

        upstream.GoDown();
        Assert.Equal(images[^1].Layer.Digest, (await clients.BlobAsync("quay/team/app4", images[^1].Layer.Digest)).Digest);
    }

    [Fact]
    public async Task Memory_stays_small_for_a_layer_of_3_GB_and_fifty_slow_clients_and_a_warm_manifest_is_answered_meanwhile()
    {
        using var folder = new TemporaryFolder();
        var layer = TestBlob.Generated(seed: 3000, length: 3000 * Megabyte);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/huge", TestImages.WithLayers(layer), "1");
        await using var millpond = await MillpondProcess.StartAsync(folder.File("data"), ["--upstream", $"quay={upstream.Address}"]);
        using var clients = new HashingClients(millpond.Address);
        await clients.ManifestAsync("quay/team/huge", "1");

        using var filled = new CancellationTokenSource();
        var slow = Enumerable.Range(0, 50).Select(_ => clients.BlobAsync(
            "quay/team/huge", layer.Digest, bytesPerSecond: Megabyte, until: filled.Token)).ToArray();
        var store = Path.Join(folder.File("data"), "store");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var answered = 0;
        while (Directory.GetFiles(store, layer.Digest.Hex, SearchOption.AllDirectories).Length == 0)
        {
            await clients.ManifestAsync("quay/team/huge", "1").WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
            answered++;
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, patience.Token);
        }

        var peak = millpond.PeakMemory;
        await filled.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(slow));
        Assert.True(answered > 3, $"Only {answered} manifests were answered while the layer was filled.");
        Assert.Single(upstream.Requests(RequestKind.Blob));
        Assert.True(peak <= 250 * Megabyte, $"The server had {peak / Megabyte} MB resident.");
        TestContext.Current.TestOutputHelper!.WriteLine("3 GB, 50 slow clients: {0} MB resident at most, {1} manifests answered meanwhile", peak / Megabyte, answered);
    }

    private static async Task PullAsync(HashingClients clients, string repository, TestImage image)
    {
        Assert.Equal(image.Digest, await clients.ManifestAsync(repository, "1"));
        foreach (var blob in image.Blobs)
        {
            Assert.Equal(blob.Digest, (await clients.BlobAsync(repository, blob.Digest)).Digest);
        }
    }

    private static async Task WhenStoredAsync(string data, string hex)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (Directory.GetFiles(Path.Join(data, "store"), hex, SearchOption.AllDirectories).Length == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
