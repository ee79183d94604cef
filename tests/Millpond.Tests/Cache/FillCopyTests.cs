using Millpond.Server.Cache.Fills;
using Millpond.Server.Configuration;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What comes in pieces is put together, and written while the next is waited for.</summary>
public sealed class FillCopyTests : IDisposable
{
    private const int Length = 3_000_001;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 931, length: Length);

    private readonly TestCertificates certificates = new();

    public void Dispose() => certificates.Dispose();

    /// <summary>Over TLS bytes come by records of 16 KiB; the upstream stops where a block is, is nearly, and is not full.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(16 * 1024, 128 * 1024, 256 * 1024)]
    [InlineData(100, 16_000, 131_071, 131_072, 131_073, 262_143, 500_000, Length - 1)]
    [InlineData(1_000_000, 2_000_000, 2_000_001)]
    public async Task Pieces_over_TLS_come_whole_and_each_as_far_as_it_has_come(params int[] stops)
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Tls = certificates });
        upstream.AddBlob("team/app", Layer);
        await using var parts = NewParts(upstream);
        var gates = stops.Select(stop => upstream.Park(Layer.Digest, stop)).ToList();
        await using var content = await parts.PullAsync("team/app", Layer);
        var at = 0;
        foreach (var gate in gates)
        {
            // What the upstream has sent is the client's, however little it is and however long the rest takes; the last block is kept back.
            await gate.WhenReached();
            await CacheParts.ReadAsync(content, Layer, at, (int)gate.After - at);
            at = (int)gate.After;
            gate.Open();
        }

        await CacheParts.ReadAsync(content, Layer, at, Length - at);
        await parts.WhenEndedAsync(Layer);
        Assert.Equal(Layer.ToArray(), await File.ReadAllBytesAsync(parts.FileOf(Layer), TestContext.Current.CancellationToken));
        Assert.Equal(Length, upstream.BytesSentOf(Layer.Digest));
    }

    /// <summary>Each is waited for, so that what is written moves through the whole block and begins anew.</summary>
    [Theory]
    [InlineData(1000, 100)]
    [InlineData(9000, 70)]
    [InlineData(16 * 1024, 40)]
    public Task Small_pieces_come_whole(int each, int pieces) =>
        Pieces_over_TLS_come_whole_and_each_as_far_as_it_has_come([.. Enumerable.Range(1, pieces).Select(piece => piece * each)]);

    [Theory]
    [InlineData(UpstreamFault.CutAfterOneByte)]
    [InlineData(UpstreamFault.CutAtHalf)]
    [InlineData(UpstreamFault.CutAtNinetyPercent)]
    [InlineData(UpstreamFault.CutBeforeLastByte)]
    public async Task Nothing_that_came_over_TLS_before_a_break_is_asked_for_again(UpstreamFault cut)
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Tls = certificates });
        upstream.AddBlob("team/app", Layer);
        await using var parts = NewParts(upstream);
        upstream.Arm(cut, kind: RequestKind.Blob);
        await parts.FillAsync(Layer);
        var asked = upstream.Requests(RequestKind.Blob);
        Assert.Equal(2, asked.Count);
        Assert.Equal(asked[0].BytesSent, asked[1].Range?.From);
        Assert.Equal(Length, upstream.BytesSentOf(Layer.Digest));
    }

    /// <summary>A whole block may be here before the first look: it is given away, and written, before there is room for more.</summary>
    [Fact]
    public async Task An_upstream_that_is_a_whole_block_ahead_at_once_is_followed()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var (before, isSecond) = (TestBlob.Generated(seed: 934, length: 20 << 20), false);
        upstream.AddBlob("team/app", Layer);
        upstream.AddBlob("team/app", before);
        var (head, sent) = (upstream.Park(Layer.Digest, after: 0), upstream.Park(Layer.Digest, after: 1_000_000));

        // Asked for room when the upstream's headers are here, before anything of the body is read.
        await using var parts = new CacheParts(upstream, disk: new DiskSpace(
            () =>
            {
                if (isSecond)
                {
                    head.Open();
                    Assert.True(sent.WhenReached().Wait(Patience.Limit));
                }

                return (1L << 50, 1L << 50);
            },
            size => size, _ => 0));

        // The kernel takes so much at once only of a connection that has brought much.
        await parts.FillAsync(before);
        isSecond = true;
        await using var content = await parts.PullAsync("team/app", Layer);
        sent.Open();
        await CacheParts.ReadAsync(content, Layer, 0, Length);
        await parts.WhenEndedAsync(Layer);
        Assert.Equal(Layer.ToArray(), await File.ReadAllBytesAsync(parts.FileOf(Layer), TestContext.Current.CancellationToken));
        Assert.Equal(Length, upstream.BytesSentOf(Layer.Digest));
    }

    /// <summary>The first bytes are a client's before there is a file: where none can be made it has them, goes on by itself, and the whole still holds.</summary>
    [Fact]
    public async Task A_client_has_the_first_bytes_of_what_no_file_can_be_made_for_and_goes_on_alone()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Layer);
        await using var parts = new CacheParts(upstream);
        var gate = upstream.Park(Layer.Digest, after: 2000);
        Directory.CreateDirectory(Path.Join(parts.PartialOf(Layer), "in the way"));
        await using var content = await parts.PullAsync("team/app", Layer);
        await CacheParts.ReadAsync(content, Layer, 0, 2000);
        await parts.WhenEndedAsync(Layer);
        gate.Open();
        await CacheParts.ReadAsync(content, Layer, 2000, Length - 2000);
        Assert.Equal(2000, upstream.Requests(RequestKind.Blob)[^1].Range?.From);
        Assert.Null(parts.Store.FindLength(Layer.Digest));
        Assert.Equal(0, parts.Store.Disk.Staged);
    }

    /// <summary>Whoever leads reads on the thread that downloads: what its connection does when it has its answer holds nobody up.</summary>
    [Fact]
    public async Task Whoever_leads_and_is_gone_does_not_hold_the_others_up()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Layer);
        await using var parts = NewParts(upstream);
        using var busy = new ManualResetEventSlim();
        var gate = upstream.Park(Layer.Digest, after: 500_000);
        var leading = Task.Run(LeadAsync, TestContext.Current.CancellationToken);
        await gate.WhenReached();
        await using var content = await parts.PullAsync("team/app", Layer);
        gate.Open();
        await CacheParts.ReadAsync(content, Layer, 0, Length);
        busy.Set();
        await leading.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);

        async Task LeadAsync()
        {
            var first = await parts.PullAsync("team/app", Layer);
            first.Expect(0, 1);
            await CacheParts.ReadAsync(first, Layer, 0, 1);
            await first.DisposeAsync();

            // A connection whose next requests are answered from memory, one after the other.
            busy.Wait(Patience.Limit, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The read that is under way then may wait as long as the upstream likes.</summary>
    [Fact]
    public async Task A_disk_that_takes_no_more_ends_the_fill_though_its_upstream_is_silent()
    {
        const int Promised = 4 << 20;
        var large = TestBlob.Generated(seed: 932, length: 6 << 20);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", large);
        upstream.Arm(UpstreamFault.NoContentLength, times: int.MaxValue, kind: RequestKind.Blob);
        await using var parts = new CacheParts(upstream, disk: new DiskSpace(() => (1L << 40, 1L << 40), _ => 5_000_000, _ => 0));

        // Parked where what was promised ends, everything is written: the few bytes that follow are, while the next are waited for.
        var (full, silent) = (upstream.Park(large.Digest, after: Promised), upstream.Park(large.Digest, after: Promised + 1000));
        using var reader = await parts.JoinAsync("team/app", large);
        Assert.IsType<FillBegin.Growing>(await reader.BeginAsync(TestContext.Current.CancellationToken));
        await full.WhenReached();
        await Eventually.HoldsAsync(() => parts.Store.Disk.Staged == Promised);
        full.Open();
        await silent.WhenReached();
        await reader.Fill.Ended.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.IsType<FillEnd.Unstored>(reader.Fill.Growth.End);
        Assert.Equal(0, parts.Store.Disk.Staged);
    }

    [Theory]
    [InlineData("sha256", 0)]
    [InlineData("sha512", 0)]
    [InlineData("sha256", 1_234_567)]
    [InlineData("sha512", 131_072)]
    public async Task Over_TLS_also_what_nobody_says_the_length_of_and_what_was_paused_come_whole(string algorithm, int paused)
    {
        var layer = TestBlob.Of(TestBlob.Generated(seed: 933, length: Length).ToArray(), algorithm);
        await using var upstream = await FakeUpstream.StartAsync(new() { Tls = certificates });
        upstream.AddBlob("team/app", layer);
        upstream.Arm(UpstreamFault.NoContentLength, times: int.MaxValue, kind: RequestKind.Blob);
        await using var parts = NewParts(upstream);
        if (paused > 0)
        {
            var gate = upstream.Park(layer.Digest, paused);
            using var reader = await parts.JoinAsync("team/app", layer);
            await gate.WhenReached();
            await Eventually.HoldsAsync(() => parts.Store.Disk.Staged == paused);
            reader.Fill.Pause();
            await parts.WhenEndedAsync(layer);
            gate.Open();
        }

        await parts.FillAsync(layer);
        Assert.Equal(layer.ToArray(), await File.ReadAllBytesAsync(parts.FileOf(layer), TestContext.Current.CancellationToken));
        Assert.Equal(paused > 0 ? paused : null, upstream.Requests(RequestKind.Blob)[^1].Range?.From);
    }

    [Fact]
    public async Task Readers_hear_of_what_is_released_when_the_writer_has_to_wait()
    {
        using var growth = new Growth(TimeProvider.System);
        growth.Start(from: 0);
        growth.Release(1000);
        var waiting = growth.WaitBeyondAsync(1000, null, TestContext.Current.CancellationToken).AsTask();
        growth.Release(2000);
        await AssertWaitsAsync(waiting);
        growth.Idle();
        await waiting.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);

        waiting = growth.WaitBeyondAsync(2000, null, TestContext.Current.CancellationToken).AsTask();
        growth.Idle();
        await AssertWaitsAsync(waiting);
        growth.Release(3_000_000);
        await waiting.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);

        // Some times as long as little is left untold at most.
        static Task AssertWaitsAsync(Task waiting) => Assert.ThrowsAsync<TimeoutException>(() => waiting.WaitAsync(TimeSpan.FromMilliseconds(100)));
    }

    private static CacheParts NewParts(FakeUpstream upstream) => new(upstream, change: rule => rule with { Tls = new UpstreamTls(Insecure: true) });
}
