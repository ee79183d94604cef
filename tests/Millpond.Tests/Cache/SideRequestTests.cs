using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Ranges so far ahead of a download that they are asked of upstream by themselves.</summary>
public sealed class SideRequestTests
{
    private const int Megabyte = 1024 * 1024;
    private const long Far = 150L * Megabyte;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 91, length: 200L * Megabyte);

    [Fact]
    public async Task A_range_far_ahead_of_a_slow_download_is_asked_for_and_given_up_when_the_download_has_caught_up()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time);
        Gate[] gates = [upstream.Park(Layer.Digest, Megabyte), upstream.Park(Layer.Digest, 2 * Megabyte), upstream.Park(Layer.Digest, 160L * Megabyte)];
        await using var whole = await parts.PullAsync("team/app", Layer);
        await using var range = await parts.PullAsync("team/app", Layer);
        range.Expect(Far, 2000);
        await CacheParts.ReadAsync(whole, Layer, 0, 1000);
        var ahead = CacheParts.ReadAsync(range, Layer, Far, 1000);

        // Ten seconds for the first megabyte: the rest up to there takes far more than five.
        time.Advance(TimeSpan.FromSeconds(10));
        gates[0].Open();
        await ahead.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        var asked = upstream.Requests(RequestKind.Blob)[^1];
        Assert.Equal((Far, Far + 1999), (asked.Range!.From, asked.Range.To));
        Assert.Equal(2, Bodies(parts));

        gates[1].Open();
        await gates[2].WhenReached();
        await CacheParts.ReadAsync(whole, Layer, Far + 2 * Megabyte, 1000);
        await CacheParts.ReadAsync(range, Layer, Far + 1000, 1000);
        Assert.Equal(1, Bodies(parts));
        Assert.Equal(2, upstream.Requests(RequestKind.Blob).Count);
    }

    [Fact]
    public async Task As_long_as_nothing_is_known_of_the_rate_a_far_range_waits()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time);
        var gate = upstream.Park(Layer.Digest, after: 0);
        await using var range = await parts.PullAsync("team/app", Layer);
        range.Expect(Far, 1000);
        var ahead = CacheParts.ReadAsync(range, Layer, Far, 1000);
        gate.Open();
        await ahead.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Single(upstream.Requests(RequestKind.Blob));
    }

    [Fact]
    public async Task A_side_request_that_fails_leaves_its_client_to_the_download()
    {
        var time = new EagerTime();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time);
        Gate[] gates = [upstream.Park(Layer.Digest, Megabyte), upstream.Park(Layer.Digest, 2 * Megabyte)];
        await using var whole = await parts.PullAsync("team/app", Layer);
        await using var range = await parts.PullAsync("team/app", Layer);
        range.Expect(Far, 1000);
        await CacheParts.ReadAsync(whole, Layer, 0, 1000);
        var ahead = CacheParts.ReadAsync(range, Layer, Far, 1000);
        var refusing = upstream.Arm(UpstreamFault.ServerError, times: 2, kind: RequestKind.Blob);
        time.Advance(TimeSpan.FromSeconds(10));
        gates[0].Open();
        await upstream.WhenRequestsReach(3, RequestKind.Blob);
        gates[1].Open();
        await ahead.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(2, refusing.Taken);
        Assert.Equal(3, upstream.Requests(RequestKind.Blob).Count);
    }

    [Fact]
    public async Task A_side_request_that_waits_for_a_slot_is_given_up_when_the_download_has_caught_up()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time, rule => rule with { Limits = new UpstreamLimits(Fills: 1) });
        Gate[] gates = [upstream.Park(Layer.Digest, Megabyte), upstream.Park(Layer.Digest, 2 * Megabyte), upstream.Park(Layer.Digest, 160L * Megabyte)];
        await using var whole = await parts.PullAsync("team/app", Layer);
        await using var range = await parts.PullAsync("team/app", Layer);
        range.Expect(Far, 2000);
        await CacheParts.ReadAsync(whole, Layer, 0, 1000);
        var ahead = CacheParts.ReadAsync(range, Layer, Far, 1000);
        time.Advance(TimeSpan.FromSeconds(10));
        gates[0].Open();
        await gates[1].WhenReached();
        await CacheParts.ReadAsync(whole, Layer, Megabyte + 100_000, 1000);
        Assert.False(ahead.IsCompleted);

        // The download holds the one slot there is until its end.
        gates[1].Open();
        await ahead.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        await CacheParts.ReadAsync(range, Layer, Far + 1000, 1000);
        Assert.Single(upstream.Requests(RequestKind.Blob));
        gates[2].Open();
        await CacheParts.ReadAsync(whole, Layer, 199L * Megabyte, 1000);
    }

    private static int Bodies(CacheParts parts) => parts.Upstreams.States().First(state => state.Rule == "up").FillsRunning;

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Layer);
        return upstream;
    }
}
