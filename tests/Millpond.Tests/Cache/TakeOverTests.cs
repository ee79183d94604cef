using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Governing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>A fill belongs to all who joined it: where its upstream fails, it goes on at another's that was shown to have the blob.</summary>
public sealed class TakeOverTests : IAsyncLifetime
{
    private const int Half = 1_000_000;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 301, length: 2 * Half);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    private readonly EagerTime time = new();
    private FakeUpstream first = null!;
    private FakeUpstream second = null!;
    private MillpondHost host = null!;

    public async ValueTask InitializeAsync()
    {
        first = await FakeUpstream.StartAsync(new FakeUpstreamOptions { Time = time });
        second = await FakeUpstream.StartAsync();
        first.Add("team/app", Image, "1");
        second.Add("team/app", Image, "1");
        host = await MillpondHost.StartAsync([MillpondHost.Rule("a", first), MillpondHost.Rule("b", second)], new MillpondHostOptions { Time = time });
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_leaders_upstream_is_lost_and_nobody_whose_own_has_the_blob_pays_for_it(bool leaderIsLinked)
    {
        await host.PullManifestAsync("b/team/app", "1");
        if (leaderIsLinked)
        {
            // Its upstream brought all of it before, and the file is lost.
            await host.PullAsync("a/team/app", Image, "1");
            await host.Log.WhenLineAsync($"Filled {Layer.Digest}");
            File.Delete(Directory.GetFiles(Path.Join(host.DataFolder, "store"), Layer.Digest.Hex, SearchOption.AllDirectories).Single());
            first.ClearRequests();
        }

        var gate = first.Park(Layer.Digest, after: Half);
        using var leader = await host.BlobAsync("a/team/app", Layer.Digest);
        await gate.WhenReached();
        using var follower = await host.BlobAsync("b/team/app", Layer.Digest);
        await using var body = await leader.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var (start, end) = (new byte[Half], new byte[Half]);
        await body.ReadExactlyAsync(start, TestContext.Current.CancellationToken);

        first.GoDown();
        gate.Open();
        Assert.Equal(Layer.ToArray(), await follower.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        if (leaderIsLinked)
        {
            await body.ReadExactlyAsync(end, TestContext.Current.CancellationToken);
            Assert.Equal(Layer.ToArray(), start.Concat(end));
        }
        else
        {
            // Its upstream showed the first half of something, which nobody had compared: it reads no more than that.
            await Assert.ThrowsAnyAsync<IOException>(() => body.ReadExactlyAsync(end, TestContext.Current.CancellationToken).AsTask());
        }

        Assert.Equal(Half, first.BytesSentOf(Layer.Digest));
        Assert.InRange(second.BytesSentOf(Layer.Digest), Half, Half + 64);
        await host.Log.WhenLineAsync("goes on from");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_leader_whose_upstream_breaks_off_and_still_shows_some_bytes_reads_on(bool isLie)
    {
        await host.PullManifestAsync("b/team/app", "1");
        first.Arm(UpstreamFault.CutAtHalf, kind: RequestKind.Blob);
        var gate = first.Park(Layer.Digest, after: Half / 2);
        using var leader = await host.BlobAsync("a/team/app", Layer.Digest);
        await gate.WhenReached();
        using var follower = await host.BlobAsync("b/team/app", Layer.Digest);
        first.Arm(UpstreamFault.ServerError, times: 5, kind: RequestKind.Blob);
        if (isLie)
        {
            // One who knows how the blob begins, and not how it goes on.
            var lie = Layer.ToArray();
            lie.AsSpan(Half).Clear();
            first.AddLie("team/app", Layer.Digest, TestBlob.Of(lie));
        }

        gate.Open();
        Assert.Equal(Layer.ToArray(), await follower.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await host.Log.WhenLineAsync("goes on from");
        if (isLie)
        {
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => leader.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }
        else
        {
            Assert.Equal(Layer.ToArray(), await leader.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }

        var shown = first.Requests(RequestKind.Blob)[^1].Range!;
        Assert.InRange(shown.From ?? 0, Half, Layer.Length - 64);
        Assert.Equal(63, shown.To - shown.From);
    }

    [Fact]
    public async Task A_leader_whose_upstream_answers_late_goes_on_with_the_other()
    {
        var clock = new FakeTimeProvider();
        await using var parts = new CacheParts(
            first, clock, rule => rule.Prefix == "other" ? rule with { Upstream = second.Address, UpstreamName = second.Address.Authority } : rule);
        foreach (var prefix in new[] { "up", "other" })
        {
            await parts.Fetch.RunAsync(parts.Target("team/app", prefix), "1", "1", null, RequestReason.Pull, TestContext.Current.CancellationToken);
        }

        var hole = first.Arm(UpstreamFault.BlackHole, kind: RequestKind.Blob);
        var leading = parts.Blobs.GetAsync(parts.Target("team/app"), Layer.Digest, default, CancellationToken.None).AsTask();
        await hole.WhenTaken();
        var joining = parts.Blobs.GetAsync(parts.Target("team/app", "other"), Layer.Digest, default, CancellationToken.None).AsTask();
        await second.WhenRequestsReach(1, RequestKind.Blob);
        while (second.Requests(RequestKind.Blob).Count < 2)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        await using var follower = (await joining.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken)).Value!;
        await using var leader = (await leading.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken)).Value!;
        await CacheParts.ReadAsync(follower, Layer, 0, (int)Layer.Length);
        await CacheParts.ReadAsync(leader, Layer, 0, (int)Layer.Length);
        hole.Release();
    }

    [Fact]
    public async Task A_leader_that_trickles_does_not_hold_the_others_down()
    {
        var clock = new FakeTimeProvider();
        await using var parts = new CacheParts(
            first, clock, rule => rule.Prefix == "other" ? rule with { Upstream = second.Address, UpstreamName = second.Address.Authority } : rule);
        Gate[] gates = [.. Enumerable.Range(1, 12).Select(step => first.Park(Layer.Digest, after: step * 20_000))];
        await using var leader = await parts.PullAsync("team/app", Layer);
        await using var follower = await parts.PullAsync("team/app", Layer, "other");

        // Never silent for 30 s, but under 10 KiB/s for more than 60: how many steps that takes depends on when the server begins each read.
        // The clock stands still once the other is asked: 25 s would be the end of what it waits for an answer.
        var isTakenOver = parts.Log.WhenLineAsync("goes on from");
        var read = 0;
        foreach (var gate in gates)
        {
            await Task.WhenAny(gate.WhenReached(), isTakenOver);
            await CacheParts.ReadAsync(leader, Layer, read, 20_000);
            read += 20_000;
            if (parts.Log.Lines.Any(line => line.Message.Contains("goes on from", StringComparison.Ordinal)))
            {
                break;
            }

            clock.Advance(TimeSpan.FromSeconds(25));
            gate.Open();
        }

        await isTakenOver;
        await Task.WhenAll(
            CacheParts.ReadAsync(leader, Layer, read, (int)Layer.Length - read), CacheParts.ReadAsync(follower, Layer, 0, (int)Layer.Length));
        Assert.Single(first.Requests(RequestKind.Blob));
        Assert.True(Assert.Single(second.Requests(RequestKind.Blob)).IsResume);
    }

    [Fact]
    public async Task One_who_is_proven_while_the_lost_upstream_is_waited_for_takes_over_at_once()
    {
        // But for some seconds between tries the clock stands still: nothing is waited out.
        await using var parts = new CacheParts(
            first, new EagerTime(),
            rule => rule.Prefix == "other" ? rule with { Upstream = second.Address, UpstreamName = second.Address.Authority } : rule);
        var gate = first.Park(Layer.Digest, after: Half);
        await using var leader = await parts.PullAsync("team/app", Layer);
        await gate.WhenReached();
        await CacheParts.ReadAsync(leader, Layer, 0, Half);
        first.GoDown();
        gate.Open();
        await parts.Log.WhenLineAsync("does not answer and is not asked");

        var pull = await parts.Blobs.GetAsync(parts.Target("team/app", "other"), Layer.Digest, default, CancellationToken.None);
        Assert.True(pull.IsFound, pull.Failure?.Reason);
        await using var follower = pull.Value;
        await CacheParts.ReadAsync(follower, Layer, 0, (int)Layer.Length);
        await CacheParts.ReadAsync(leader, Layer, Half, Half);
    }

    [Fact]
    public async Task An_upstream_that_takes_over_and_lies_spoils_nothing_for_good()
    {
        await host.PullManifestAsync("a/team/app", "1");
        await host.PullManifestAsync("b/team/app", "1");
        var gate = first.Park(Layer.Digest, after: Half);
        using var leader = await host.BlobAsync("a/team/app", Layer.Digest);
        await gate.WhenReached();
        using var follower = await host.BlobAsync("b/team/app", Layer.Digest);
        second.Arm(UpstreamFault.WrongBytes, kind: RequestKind.Blob);
        var reading = follower.Content.ReadAsByteArrayAsync();
        first.GoDown();
        gate.Open();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => reading);
        await host.Log.WhenLineAsync("together sent other bytes");

        using var again = await host.BlobAsync("b/team/app", Layer.Digest);
        Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        Assert.Equal(Layer.ToArray(), await again.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_leader_whose_upstream_never_answers_keeps_the_others_five_seconds(bool isLie)
    {
        var clock = new FakeTimeProvider();
        if (isLie)
        {
            second.AddLie("team/app", Layer.Digest, TestBlob.Generated(seed: 302, length: Layer.Length));
        }

        await using var parts = new CacheParts(
            first, clock, rule => rule.Prefix == "other" ? rule with { Upstream = second.Address, UpstreamName = second.Address.Authority } : rule);
        var hole = first.Arm(UpstreamFault.BlackHole, kind: RequestKind.Blob);
        using var leader = await parts.JoinAsync("team/app", Layer, Layer.Length);
        await hole.WhenTaken();
        var target = parts.Target("team/app", "other");
        var pull = parts.Blobs.GetAsync(target, Layer.Digest, default, CancellationToken.None).AsTask();
        await second.WhenRequestsReach(1, RequestKind.Blob);
        while (second.Requests(RequestKind.Blob).Count < 2)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        await using var content = (await pull.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken)).Value!;
        if (isLie)
        {
            var all = new byte[Layer.Length];
            await Assert.ThrowsAsync<FillFailedException>(async () =>
            {
                for (var at = 0; ; at += await content.ReadAsync(all.AsMemory(at), at, CancellationToken.None))
                {
                }
            });
        }
        else
        {
            await CacheParts.ReadAsync(content, Layer, 0, (int)Layer.Length);
        }

        Assert.Equal(!isLie, await parts.Known.IsLinkedAsync(target, Layer.Digest));
        hole.Release();
    }
}
