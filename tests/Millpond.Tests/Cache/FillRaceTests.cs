using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Moments of a fill that meet in a real server by chance only.</summary>
public sealed class FillRaceTests
{
    private const int Half = 1_000_000;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 81, length: 2 * Half);

    [Fact]
    public async Task Who_comes_when_the_blob_was_stored_a_moment_ago_downloads_nothing()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        await using (var first = await parts.PullAsync("team/app", Layer))
        {
            await CacheParts.ReadAsync(first, Layer, 0, (int)Layer.Length);
        }

        await WhenEndedAsync(parts);
        upstream.ClearRequests();

        // As one who found the blob missing before it was stored, and comes to its fill only now.
        using var reader = await parts.JoinAsync("team/app", Layer);
        Assert.IsType<FillBegin.Stored>(await reader.BeginAsync(CancellationToken.None).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken));
        await reader.Fill.Ended.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_fill_that_has_just_ended_can_still_be_paused_and_left()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var reader = await parts.JoinAsync("team/app", Layer);
        await reader.Fill.Ended.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        reader.Fill.Pause();
        reader.Dispose();
        reader.Dispose();
    }

    [Fact]
    public async Task A_range_beyond_what_was_stored_goes_on_from_upstream_when_the_disk_is_full()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var gate = upstream.Park(Layer.Digest, after: Half);
        await using var whole = await parts.PullAsync("team/app", Layer);
        await using var range = await parts.PullAsync("team/app", Layer);
        range.Expect(Half + 1000, 500_000);
        await gate.WhenReached();
        await CacheParts.ReadAsync(whole, Layer, 0, 1000);
        var waiting = CacheParts.ReadAsync(range, Layer, Half + 1000, 500_000);

        parts.Fills.Find(Layer.Digest)!.StopStoring();
        await waiting.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        gate.Open();
        await CacheParts.ReadAsync(whole, Layer, 1000, (int)Layer.Length - 1000);
    }

    [Fact]
    public async Task A_pull_that_waits_for_a_slot_is_no_failure_of_the_upstream()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time, rule => rule with { Limits = new UpstreamLimits(Fills: 1) });
        using var running = parts.Body(Layer, "team/app");
        Assert.Null(await running.OpenAsync(CancellationToken.None));
        using var second = parts.Body(Layer, "team/app");
        using var third = parts.Body(Layer, "team/app");
        Task<PullFailure?>[] waiting = [second.OpenAsync(CancellationToken.None), third.OpenAsync(CancellationToken.None)];

        time.Advance(TimeSpan.FromMinutes(10));
        Assert.False(parts.Upstreams[parts.Target("team/app").Rule].Governor.IsOpen);
        running.Dispose();
        Assert.Null(await (await Task.WhenAny(waiting)).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_client_that_pauses_between_two_reads_holds_nothing_meanwhile_and_goes_on_where_it_was()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream, time);
        await using var content = parts.Own(Layer, "team/app");
        Assert.Null(await content.OpenAsync(CancellationToken.None));
        await CacheParts.ReadAsync(content, Layer, 0, 1000);
        time.Advance(TimeSpan.FromSeconds(1));
        await CacheParts.ReadAsync(content, Layer, 1000, 1000);
        Assert.Equal(1, Bodies(parts));

        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, Bodies(parts));
        await CacheParts.ReadAsync(content, Layer, 2000, 100_000);
        time.Advance(TimeSpan.FromMinutes(5));
        await CacheParts.ReadAsync(content, Layer, 102_000, (int)Layer.Length - 102_000);
        Assert.Equal(
            [(null, null), (2000L, Layer.Length - 1), (102_000L, Layer.Length - 1)],
            upstream.Requests(RequestKind.Blob).Select(request => (request.Range?.From, request.Range?.To)));
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Layer);
        return upstream;
    }

    private static int Bodies(CacheParts parts) => parts.Upstreams.States().First(state => state.Rule == "up").FillsRunning;

    private static Task WhenEndedAsync(CacheParts parts) => parts.Fills.Find(Layer.Digest)?.Ended ?? Task.CompletedTask;
}
