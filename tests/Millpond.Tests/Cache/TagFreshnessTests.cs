using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class TagFreshnessTests
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly TestImage Old = TestImages.OnePlatform(seed: 31);
    private static readonly TestImage New = TestImages.OnePlatform(seed: 32);

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task A_fresh_tag_is_a_hit_and_asks_nobody()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        Assert.Equal("miss", await host.PullManifestAsync("up/team/app", "1"));
        upstream.ClearRequests();
        time.Advance(Day - TimeSpan.FromSeconds(1));
        Assert.Equal("hit", await host.PullManifestAsync("up/team/app", "1"));
        Assert.Equal("hit", await host.PullManifestAsync("up/team/app", Old.Digest.ToString()));
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_due_tag_costs_one_head_for_all_who_ask_and_is_renewed()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        upstream.ClearRequests();
        time.Advance(Day);
        var statuses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.PullManifestAsync("up/team/app", "1")));
        Assert.All(statuses, status => Assert.Contains(status, new[] { "revalidated", "hit" }));
        Assert.Equal("HEAD", Assert.Single(upstream.Requests()).Method);
        Assert.Equal("hit", await host.PullManifestAsync("up/team/app", "1"));
    }

    [Fact]
    public async Task A_moved_tag_is_fetched_and_the_old_digest_stays()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await host.PullAsync("up/team/app", Old, "1");
        upstream.Add("team/app", New, "1");
        time.Advance(Day);
        await host.PullAsync("up/team/app", New, "1");
        upstream.GoDown();
        await host.PullAsync("up/team/app", Old);
        await host.PullAsync("up/team/app", New, "1");
    }

    [Fact]
    public async Task A_tag_that_moved_to_what_is_here_costs_no_get()
    {
        await using var upstream = await NewUpstreamAsync();
        upstream.Add("team/app", New, "2");
        await using var host = await NewHostAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        await host.PullManifestAsync("up/team/app", "2");
        upstream.ClearRequests();
        upstream.Tag("team/app", "1", New.Digest);
        time.Advance(Day);
        await host.PullAsync("up/team/app", New, "1");
        Assert.All(upstream.Requests(RequestKind.Manifest), request => Assert.Equal("HEAD", request.Method));
    }

    [Fact]
    public async Task No_cache_checks_a_fresh_tag_and_only_if_cached_never_asks()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        using var absent = await host.ManifestAsync("up/team/app", "1", cacheControl: "only-if-cached");
        Assert.Equal(HttpStatusCode.GatewayTimeout, absent.StatusCode);
        upstream.AssertNoRequests();

        await host.PullManifestAsync("up/team/app", "1");
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "1", cacheControl: "no-cache"));
        upstream.ClearRequests();
        time.Advance(Day);
        await host.PullManifestAsync("up/team/app", "1", cacheControl: "only-if-cached");
        upstream.AssertNoRequests();
    }

    [Theory]
    [InlineData(UpstreamFault.ServerError)]
    [InlineData(UpstreamFault.ThrottledWithRetryAfter)]
    [InlineData(UpstreamFault.ThrottledWithoutRetryAfter)]
    [InlineData(UpstreamFault.LyingDigestHeader)]
    public async Task Any_failure_of_a_check_serves_what_is_here_as_stale(UpstreamFault fault)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        time.Advance(Day);
        upstream.Arm(fault, times: 10);
        using var response = await host.ManifestAsync("up/team/app", "1");
        Assert.Equal(Old.Digest, Old.Digest.Rehash(await response.Content.ReadAsByteArrayAsync()));
        Assert.Equal("stale", response.CacheStatus());
        Assert.True(response.IsMarkedStale());
    }

    [Fact]
    public async Task After_a_failed_check_the_next_waits_half_a_minute()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        time.Advance(Day);
        upstream.Arm(UpstreamFault.ServerError, times: 1);
        Assert.Equal("stale", await host.PullManifestAsync("up/team/app", "1"));
        upstream.ClearRequests();
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal("stale", await host.PullManifestAsync("up/team/app", "1"));
        upstream.AssertNoRequests();
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "1"));
    }

    [Theory]
    [InlineData(OnUpstreamDelete.Keep, HttpStatusCode.OK)]
    [InlineData(OnUpstreamDelete.Follow, HttpStatusCode.NotFound)]
    public async Task A_tag_that_upstream_deleted_is_kept_or_followed_at_the_second_404(OnUpstreamDelete choice, HttpStatusCode expected)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream, rule => rule with { OnUpstreamDelete = choice });
        await host.PullAsync("up/team/app", Old, "1");
        upstream.RemoveTag("team/app", "1");
        time.Advance(Day);
        Assert.Equal("stale", await host.PullManifestAsync("up/team/app", "1"));
        time.Advance(TimeSpan.FromMinutes(3));
        using var second = await host.ManifestAsync("up/team/app", "1");
        Assert.Equal(expected, second.StatusCode);
        await host.PullAsync("up/team/app", Old);
    }

    [Fact]
    public async Task An_unknown_tag_is_asked_once_in_half_a_minute_and_an_outage_is_never_remembered()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        for (var i = 0; i < 3; i++)
        {
            using var absent = await host.ManifestAsync("up/team/app", "none");
            Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
        }

        Assert.Single(upstream.Requests(RequestKind.Manifest));
        upstream.Add("team/app", New, "none");
        time.Advance(TimeSpan.FromSeconds(30));
        await host.PullManifestAsync("up/team/app", "none");
    }

    [Fact]
    public async Task A_clock_jump_of_an_hour_either_way_serves_on()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        time.AdjustTime(time.GetUtcNow().AddHours(-1));
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "1"));
        time.AdjustTime(time.GetUtcNow().AddHours(1));
        Assert.Equal("hit", await host.PullManifestAsync("up/team/app", "1"));
    }

    [Fact]
    public async Task Check_times_survive_a_restart()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time, Data = data });
        await host.PullAsync("up/team/app", Old, "1");
        await host.RestartAsync();
        upstream.GoDown();
        await host.PullAsync("up/team/app", Old, "1");
        Assert.Equal("hit", await host.PullManifestAsync("up/team/app", "1"));
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Old, "1");
        return upstream;
    }

    private Task<MillpondHost> NewHostAsync(FakeUpstream upstream, Func<PullThroughRule, PullThroughRule>? change = null) => MillpondHost.StartAsync(
        [(change ?? (rule => rule))(MillpondHost.Rule("up", upstream))], new MillpondHostOptions { Time = time });
}
