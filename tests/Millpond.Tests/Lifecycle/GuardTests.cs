using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Lifecycle;

/// <summary>An image of a cache goes only after its upstream has just shown it: else it may be the last copy.</summary>
public sealed class GuardTests
{
    private static readonly TimeSpan Late = TimeSpan.FromDays(31);

    private static readonly TestImage App = TestImages.OnePlatform(1);

    public static TheoryData<string, string?> Upstreams => new()
    {
        { "shows it", null },
        { "names no digest", null },
        { "moved the tag", null },
        { "has lost the tag", "does not have the tag 1 any more" },
        { "has lost the digest", "does not have this digest any more" },
        { "has lost all", "does not have the tag 1 any more" },
        { "is down", "could not be asked for the tag 1" },
        { "fails", "could not be asked for the tag 1" },
        { "throttles", "could not be asked for the tag 1" },
        { "shows a page", "could not be asked for the tag 1" },
    };

    [Theory]
    [MemberData(nameof(Upstreams))]
    public async Task What_its_upstream_does_decides(string upstream, string? why)
    {
        await using var world = await LifecycleWorld.StartAsync(upstreamOptions: new() { DigestHeader = upstream != "names no digest" });
        world.Upstream.Add("app", App, "1");
        await world.Host.PullAsync("up/app", App, "1");
        Prepare(world.Upstream, upstream);
        world.Time.Advance(Late);

        // The server's own run has begun by then; this one comes after it.
        await world.RunAsync("up/app");
        var held = await world.HeldAsync("up/app");
        if (why is null)
        {
            Assert.Empty(held);
            Assert.Empty(await world.ImagesAsync("up/app"));
            return;
        }

        Assert.Contains(why, (string)Assert.Single(held)["reason"]!, StringComparison.Ordinal);
        Assert.Equal(App.Digest.ToString(), (string)held[0]["imageDigest"]!);
        Assert.Equal(200, (await world.PullAsync("up/app", App.Digest.ToString())).Status);
        Assert.Equal(200, (await world.PullAsync("up/app", "1")).Status);
        Assert.Matches(@"millpond_lifecycle_held_images(\{[^}]*\})? 1\b", await world.Host.Client.GetStringAsync(new Uri(world.Host.Address, "/metrics")));
        await world.Host.Log.WhenLineAsync($"audit: lifecycle policy held up/app@{App.Digest}");

        // Not asked again at once, and gone when somebody insists.
        world.Upstream.ClearRequests();
        Assert.Equal((0, 0, 1), await world.RunAsync("up/app"));
        Assert.Equal((1, 0, 0), await world.RunAsync("up/app", force: true));
        world.Upstream.AssertNoRequests();
        Assert.Empty(await world.HeldAsync());
    }

    [Fact]
    public async Task An_image_that_should_go_in_an_outage_stays_and_goes_soon_after()
    {
        await using var world = await LifecycleWorld.StartAsync();
        world.Upstream.Add("app", App, "1");
        await world.Host.PullAsync("up/app", App, "1");
        world.Upstream.GoDown();
        world.Time.Advance(Late);
        await world.UntilAsync(async () => (await world.HeldAsync()).Count == 1);
        await world.Host.PullAsync("up/app", App, "1");
        await world.Host.RestartAsync();
        await world.Host.PullAsync("up/app", App, "1");
        Assert.Single(await world.HeldAsync());
        await world.UntilRunAsync(world.Runs + 1);
        world.Time.Advance(TimeSpan.FromDays(2));
        await world.UntilRunAsync(world.Runs + 1);
        await world.Host.PullAsync("up/app", App, "1");

        world.Upstream.ComeBack();
        var back = world.Time.GetUtcNow();
        await world.UntilAsync(async () => (await world.ImagesAsync("up/app")).Count == 0);
        Assert.Empty(await world.HeldAsync());
        Assert.InRange(world.Time.GetUtcNow() - back, TimeSpan.Zero, TimeSpan.FromHours(2));
        Assert.Equal((200, "miss"), await world.PullAsync("up/app", "1"));
    }

    [Fact]
    public async Task What_is_gone_upstream_is_asked_for_after_ever_longer_times()
    {
        await using var world = await LifecycleWorld.StartAsync();
        world.Upstream.Add("app", App, "1");
        await world.Host.PullAsync("up/app", App, "1");
        world.Upstream.RemoveTag("app", "1");
        world.Time.Advance(Late);
        var waits = new List<double>();
        for (var i = 0; i < 7; i++)
        {
            Assert.Equal((0, 0, 1), await world.RunAsync("up/app"));
            var held = Assert.Single(await world.HeldAsync());
            waits.Add(Math.Round(((double)held["nextAskedAt"]! - (double)held["lastAskedAt"]!) / 3600));
            world.Time.Advance(TimeSpan.FromHours(waits[^1]));
        }

        Assert.Equal([1, 2, 4, 8, 16, 24, 24], waits);
    }

    [Fact]
    public async Task A_referrer_that_only_this_cache_has_keeps_its_image()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var signature = TestImages.Artifact("application/x.signature", App.Manifest);
        world.Upstream.Add("app", App, "1");
        world.Upstream.Add("app", signature);
        await world.Host.PullAsync("up/app", App, "1");
        await world.Host.PullAsync("up/app", signature);
        world.Upstream.RemoveManifest("app", signature.Digest);
        world.Time.Advance(Late);
        Assert.Equal((0, 0, 1), await world.RunAsync("up/app"));
        Assert.Contains($"its referrer {signature.Digest}", (string)Assert.Single(await world.HeldAsync())["reason"]!, StringComparison.Ordinal);

        world.Upstream.Add("app", signature);
        world.Time.Advance(TimeSpan.FromHours(2));
        await world.RunAsync("up/app");
        Assert.Empty(await world.ImagesAsync("up/app"));
    }

    [Fact]
    public async Task The_children_of_an_index_are_asked_for_when_their_own_turn_comes()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var index = TestImages.TwoPlatforms(1);
        world.Upstream.Add("app", index, "1");
        await world.Host.PullAsync("up/app", index, "1");
        world.Upstream.RemoveManifest("app", index.Children[0].Digest);
        world.Time.Advance(Late);
        await world.RunAsync("up/app");
        await world.RunAsync("up/app");
        Assert.Equal((0, 0, 1), await world.RunAsync("up/app"));
        Assert.Equal(index.Children[0].Digest.ToString(), (string)Assert.Single(await world.ImagesAsync("up/app"))["imageDigest"]!);
        Assert.Equal(200, (await world.PullAsync("up/app", index.Children[0].Digest.ToString())).Status);
    }

    [Fact]
    public async Task A_rule_can_do_without_the_guard()
    {
        await using var world = await LifecycleWorld.StartAsync(rule => rule with { Guard = false });
        world.Upstream.Add("app", App, "1");
        await world.Host.PullAsync("up/app", App, "1");
        world.Upstream.GoDown();
        world.Time.Advance(Late);
        await world.RunAsync("up/app");
        Assert.Empty(await world.ImagesAsync("up/app"));
    }

    [Fact]
    public async Task Many_images_of_an_upstream_that_fails_cost_it_few_requests()
    {
        await using var world = await LifecycleWorld.StartAsync();
        for (var i = 0; i < 60; i++)
        {
            var image = TestImages.OnePlatform(100 + i, layers: 1);
            world.Upstream.Add("app", image, $"v{i}");
            Assert.Equal(200, (await world.PullAsync("up/app", $"v{i}")).Status);
        }

        await world.Upstream.WhenIdle();
        world.Upstream.ClearRequests();
        world.Upstream.Arm(UpstreamFault.ServerError, times: 1000);
        world.Time.Advance(Late);
        Assert.Equal((0, 0, 60), await world.RunAsync("up/app"));
        Assert.InRange(world.Upstream.Requests().Count, 1, 12);
        var first = (await world.OwnAsync("ListHeldImages", new { maxResults = 40 }))!;
        var second = await world.OwnAsync("ListHeldImages", new { maxResults = 40, nextToken = (string)first["nextToken"]! });
        Assert.Equal((40, 20), (first["heldImages"]!.AsArray().Count, second["heldImages"]!.AsArray().Count));
        Assert.Null(second["nextToken"]);

        world.Upstream.DisarmAll();
        await world.UntilAsync(async () => (await world.ImagesAsync("up/app")).Count == 0);
    }

    private static void Prepare(FakeUpstream upstream, string what)
    {
        switch (what)
        {
            case "moved the tag":
                var other = TestImages.OnePlatform(2);
                upstream.Add("app", other, "1");
                break;
            case "has lost the tag":
                upstream.RemoveTag("app", "1");
                break;
            case "has lost the digest":
                upstream.Add("app", TestImages.OnePlatform(2), "1");
                upstream.RemoveManifest("app", App.Digest);
                break;
            case "has lost all":
                upstream.RemoveTag("app", "1");
                upstream.RemoveManifest("app", App.Digest);
                break;
            case "is down":
                upstream.GoDown();
                break;
            case "fails":
                upstream.Arm(UpstreamFault.ServerError, times: 100);
                break;
            case "throttles":
                upstream.Arm(UpstreamFault.ThrottledWithRetryAfter, times: 100);
                break;
            case "shows a page":
                upstream.Arm(UpstreamFault.IngressPage, times: 100);
                break;
            default:
                break;
        }
    }
}
