using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>One broken image, one who leaves, one who asks too often: nobody else pays for it.</summary>
public sealed class IsolationTests
{
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly TestImage Old = TestImages.OnePlatform(seed: 221);
    private static readonly TestImage New = TestImages.OnePlatform(seed: 222);

    [Fact]
    public async Task Five_broken_images_leave_all_others_pullable()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            upstream.Add($"team/broken{i}", TestImages.OnePlatform(seed: 230 + i), "1");
            upstream.Arm(UpstreamFault.ServerError, times: int.MaxValue, repository: $"team/broken{i}");
        }

        for (var i = 0; i < 60; i++)
        {
            upstream.Add($"team/healthy{i}", TestImages.OnePlatform(seed: 2400 + i), "1");
        }

        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = new EagerTime() });
        var broken = Enumerable.Range(0, 25).Select(async i =>
        {
            using var response = await host.ManifestAsync($"up/team/broken{i % 5}", "1");
            Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        });
        var healthy = Enumerable.Range(0, 60).Select(i => host.PullAsync($"up/team/healthy{i}", TestImages.OnePlatform(seed: 2400 + i), "1"));
        await Task.WhenAll(broken.Concat(healthy));
    }

    [Fact]
    public async Task An_upstream_all_of_whose_answers_are_errors_costs_each_due_tag_one_answer_and_then_its_own_back_off()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync(16);
        await using var host = await NewHostAsync(upstream, 16, time);
        upstream.Arm(UpstreamFault.ServerError, times: int.MaxValue);
        for (var round = 0; round < 3; round++)
        {
            for (var tag = 0; tag < 16; tag++)
            {
                Assert.Equal("stale", await host.PullManifestAsync("up/team/app", $"v{tag}"));
            }
        }

        upstream.AssertRequests(16, RequestKind.Manifest);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("stale", await host.PullManifestAsync("up/team/app", "v0"));
        upstream.AssertRequests(17, RequestKind.Manifest);
    }

    [Fact]
    public async Task Where_only_manifests_hang_due_tags_wait_twice_and_then_no_more()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync(16);
        await using var host = await NewHostAsync(upstream, 16, time);
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue, kind: RequestKind.Manifest);
        for (var tag = 0; tag < 2; tag++)
        {
            var pull = host.PullManifestAsync("up/team/app", $"v{tag}");
            await upstream.WhenRequestsReach(tag + 1, RequestKind.Manifest);
            time.Advance(TimeSpan.FromSeconds(5));
            Assert.Equal("stale", await pull);
        }

        await host.Log.WhenLineAsync("does not answer and is not asked");
        for (var round = 0; round < 5; round++)
        {
            // The clock stands still while they are asked: whoever waited for anything would wait for ever.
            for (var tag = 0; tag < 16; tag++)
            {
                Assert.Equal("stale", await host.PullManifestAsync("up/team/app", $"v{tag}"));
            }

            time.Advance(TimeSpan.FromSeconds(40));
        }

        Assert.DoesNotContain(host.Log.Lines, line => line.Message.Contains("answers again", StringComparison.Ordinal));
        hole.Disarm();
    }

    [Fact]
    public async Task Pulls_whose_clients_have_left_hold_nobody_up()
    {
        await using var upstream = await NewUpstreamAsync(1);
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue, repository: "team/absent");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { Limits = new UpstreamLimits(Fills: 2, Requests: 4) }]);
        using var leaving = new CancellationTokenSource();
        var left = Enumerable.Range(0, 200)
            .Select(i => host.Client.GetAsync(new Uri(host.Address, $"/v2/up/team/absent/manifests/{i}"), leaving.Token)).ToArray();
        await upstream.WhenRequestsReach(4);
        await leaving.CancelAsync();
        foreach (var pull in left)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        }

        var watch = Stopwatch.StartNew();
        await host.PullManifestAsync("up/team/app", "v0");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"It took {watch.Elapsed}.");
        hole.Disarm();
    }

    [Fact]
    public async Task A_404_of_a_moment_ago_is_passed_by_no_cache_and_only_so_often()
    {
        await using var upstream = await NewUpstreamAsync(1);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = new FakeTimeProvider() });
        using (var absent = await host.ManifestAsync("up/team/app", "late"))
        {
            Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
        }

        for (var i = 0; i < 30; i++)
        {
            (await host.ManifestAsync("up/team/app", "late", cacheControl: "no-cache")).Dispose();
        }

        Assert.InRange(upstream.Requests(RequestKind.Manifest).Count, 2, 11);
    }

    [Fact]
    public async Task A_tag_pushed_right_after_a_404_is_there_for_who_says_no_cache()
    {
        await using var upstream = await NewUpstreamAsync(1);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = new FakeTimeProvider() });
        (await host.ManifestAsync("up/team/app", "late")).Dispose();
        upstream.Add("team/app", New, "late");
        Assert.Equal("miss", await host.PullManifestAsync("up/team/app", "late", cacheControl: "no-cache"));
    }

    [Fact]
    public async Task Forced_checks_are_bounded_and_beyond_that_answered_as_if_not_forced()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync(1);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "v0");
        upstream.ClearRequests();
        for (var i = 0; i < 30; i++)
        {
            Assert.Contains(await host.PullManifestAsync("up/team/app", "v0", cacheControl: "no-cache"), new[] { "revalidated", "hit" });
        }

        upstream.AssertRequests(10, RequestKind.Manifest);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "v0", cacheControl: "no-cache"));
    }

    private static async Task<FakeUpstream> NewUpstreamAsync(int tags)
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Old, [.. Enumerable.Range(0, tags).Select(tag => $"v{tag}")]);
        return upstream;
    }

    private static async Task<MillpondHost> NewHostAsync(FakeUpstream upstream, int tags, FakeTimeProvider time)
    {
        var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        for (var tag = 0; tag < tags; tag++)
        {
            await host.PullManifestAsync("up/team/app", $"v{tag}");
        }

        time.Advance(Day);
        upstream.ClearRequests();
        return host;
    }
}
