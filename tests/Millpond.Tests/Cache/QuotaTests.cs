using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Docker Hub's quota: 100 manifest GETs in six hours, HEADs free.</summary>
public sealed class QuotaTests
{
    private const int Images = 60;
    private const int Nodes = 30;

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task Sixty_images_on_thirty_nodes_over_a_day_cost_one_get_for_each_manifest()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 100, Time = time });
        var images = Enumerable.Range(0, Images).Select(seed => TestImages.OnePlatform(seed: 1000 + seed, layers: 1)).ToArray();
        for (var i = 0; i < Images; i++)
        {
            upstream.Add($"team/app{i}", images[i], "1");
        }

        // Checks every six hours: four times a day for each image, by HEAD.
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { RevalidateAfter = TimeSpan.FromHours(6) }], new MillpondHostOptions { Time = time });
        for (var node = 0; node < Nodes; node++)
        {
            await Task.WhenAll(Enumerable.Range(0, Images).Select(i => host.PullManifestAsync($"up/team/app{i}", "1")));
            time.Advance(TimeSpan.FromHours(24.0 / Nodes));
        }

        var gets = upstream.Requests(RequestKind.Manifest).Where(request => request.Method == "GET").ToList();
        Assert.Equal(Images, gets.Count);
        Assert.All(gets, request => Assert.Equal(200, request.Status));
        Assert.Contains(upstream.Requests(RequestKind.Manifest), request => request.Method == "HEAD");
    }

    [Fact]
    public async Task When_little_is_left_completion_stops_and_nothing_cached_fails()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 10, Time = time });
        var images = Enumerable.Range(0, 8).Select(seed => TestImages.TwoPlatforms(seed: 2000 + seed)).ToArray();
        for (var i = 0; i < images.Length; i++)
        {
            upstream.Add($"team/app{i}", images[i], "1");
        }

        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }], new MillpondHostOptions { Time = time });
        var pulled = 0;
        for (; pulled < images.Length; pulled++)
        {
            using var response = await host.ManifestAsync($"up/team/app{pulled}", "1");
            if (response.StatusCode == HttpStatusCode.TooManyRequests)
            {
                Assert.NotNull(response.Headers.RetryAfter);
                break;
            }
        }

        await host.Log.WhenLineAsync("waits and is tried again");
        Assert.True(pulled > 0);
        for (var i = 0; i < pulled; i++)
        {
            Assert.Equal("hit", await host.PullManifestAsync($"up/team/app{i}", "1"));
        }

        time.Advance(TimeSpan.FromHours(24));
        for (var i = 0; i < pulled; i++)
        {
            await host.PullManifestAsync($"up/team/app{i}", "1");
        }
    }
}
