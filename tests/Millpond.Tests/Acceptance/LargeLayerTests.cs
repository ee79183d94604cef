using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>One layer of 256 MB, the program as it is released, and upstreams that are slow, break off, or die.</summary>
[Trait("Category", "Heavy")]
public sealed class LargeLayerTests : IDisposable
{
    private const long Megabyte = 1024 * 1024;
    private const double MostUpstreamBytes = 1.02;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 256, length: 256 * Megabyte);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Fifty_cold_clients_cost_one_upstream_get_and_all_have_bytes_long_before_the_fill_ends()
    {
        await using var upstream = await NewUpstreamAsync();
        upstream.Rate = 32 * Megabyte;
        await using var millpond = await StartAsync(upstream);
        using var clients = new HashingClients(millpond.Address);
        await clients.ManifestAsync("quay/team/app", "1");

        var sentAtSlowestFirstByte = 0L;
        var pulls = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => clients.BlobAsync(
            "quay/team/app", Layer.Digest, begun: () => Interlocked.Exchange(ref sentAtSlowestFirstByte, upstream.BytesSentOf(Layer.Digest)))));

        Assert.All(pulls, pull => Assert.Equal((Layer.Length, Layer.Digest), pull));
        Assert.Single(upstream.Requests(RequestKind.Blob));
        Assert.Equal(Layer.Length, upstream.BytesSentOf(Layer.Digest));
        Assert.InRange(sentAtSlowestFirstByte, 1, Layer.Length / 4);
        TestContext.Current.TestOutputHelper!.WriteLine(
            "50 cold clients: 1 upstream GET, {0} bytes; the slowest first byte came when {1:P1} had been sent", Layer.Length,
            (double)sentAtSlowestFirstByte / Layer.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_upstream_that_is_cut_at_ninety_percent_is_not_noticed_by_the_client(bool ignoresRange)
    {
        await using var upstream = await NewUpstreamAsync();
        upstream.Arm(UpstreamFault.CutAtNinetyPercent, reference: Layer.Digest.ToString());
        if (ignoresRange)
        {
            upstream.Arm(UpstreamFault.IgnoresRange, times: 10, reference: Layer.Digest.ToString());
        }

        await using var millpond = await StartAsync(upstream);
        using var clients = new HashingClients(millpond.Address);
        await clients.ManifestAsync("quay/team/app", "1");
        Assert.Equal((Layer.Length, Layer.Digest), await clients.BlobAsync("quay/team/app", Layer.Digest));
        Assert.Equal(2, upstream.Requests(RequestKind.Blob).Count);
        if (!ignoresRange)
        {
            Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, (long)(Layer.Length * MostUpstreamBytes));
        }
    }

    [Fact]
    public async Task After_kill_9_in_mid_fill_upstream_sends_only_what_was_missing()
    {
        await using var upstream = await NewUpstreamAsync();
        var gate = upstream.Park(Layer.Digest, after: Layer.Length * 6 / 10);
        var millpond = await StartAsync(upstream);
        using (var clients = new HashingClients(millpond.Address))
        {
            await clients.ManifestAsync("quay/team/app", "1");
            using var enough = new CancellationTokenSource();
            var read = clients.BlobAsync("quay/team/app", Layer.Digest, until: enough.Token);
            await gate.WhenReached();
            await WhenStagedAsync(Layer.Length * 6 / 10);
            await millpond.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => read);
        }

        gate.Open();
        await millpond.DisposeAsync();
        await using var restarted = await StartAsync(upstream);
        using var again = new HashingClients(restarted.Address);
        Assert.Equal((Layer.Length, Layer.Digest), await again.BlobAsync("quay/team/app", Layer.Digest));
        Assert.True(upstream.Requests(RequestKind.Blob)[^1].IsResume);
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, (long)(Layer.Length * MostUpstreamBytes));
    }

    [Fact]
    public async Task After_sigterm_a_fill_with_a_reader_runs_on_and_the_program_ends_in_order()
    {
        await using var upstream = await NewUpstreamAsync();
        upstream.Rate = 64 * Megabyte;
        await using var millpond = await StartAsync(upstream);
        using var clients = new HashingClients(millpond.Address);
        await clients.ManifestAsync("quay/team/app", "1");
        var begun = new TaskCompletionSource();
        var pull = clients.BlobAsync("quay/team/app", Layer.Digest, begun: begun.SetResult);
        await begun.Task.WaitAsync(Patience.Limit);

        var stopped = millpond.StopAsync();
        Assert.Equal((Layer.Length, Layer.Digest), await pull);
        Assert.Equal(0, await stopped);
    }

    [Fact]
    public async Task When_the_grace_ends_the_partial_is_kept_and_the_next_start_goes_on_from_it()
    {
        await using var upstream = await NewUpstreamAsync();
        var gate = upstream.Park(Layer.Digest, after: Layer.Length / 2);
        await using (var millpond = await StartAsync(upstream, ("MILLPOND__SHUTDOWN__GRACE", "1s")))
        {
            using var clients = new HashingClients(millpond.Address);
            await clients.ManifestAsync("quay/team/app", "1");
            var pull = clients.BlobAsync("quay/team/app", Layer.Digest);
            await gate.WhenReached();
            await WhenStagedAsync(Layer.Length / 2);
            Assert.Equal(0, await millpond.StopAsync());
            await Assert.ThrowsAnyAsync<Exception>(() => pull);
        }

        gate.Open();
        await using var restarted = await StartAsync(upstream);
        using var again = new HashingClients(restarted.Address);
        Assert.Equal((Layer.Length, Layer.Digest), await again.BlobAsync("quay/team/app", Layer.Digest));
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, (long)(Layer.Length * MostUpstreamBytes));
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }

    private Task<MillpondProcess> StartAsync(FakeUpstream upstream, params (string Name, string Value)[] environment) => MillpondProcess.StartAsync(
        folder.File("data"), ["--upstream", $"quay={upstream.Address}"], environment.ToDictionary(pair => pair.Name, pair => pair.Value));

    /// <summary>Waits until the other process has the bytes on its disk; a file's growth in another process has no event.</summary>
    private async Task WhenStagedAsync(long bytes)
    {
        var staging = Path.Join(folder.File("data"), "staging", $"sha256-{Layer.Digest.Hex}");
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (!File.Exists(staging) || new FileInfo(staging).Length < bytes)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
