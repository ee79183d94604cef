using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Pulls that say <c>Millpond-Priority: warm-up</c>: nobody waits for them, and they never cost a client anything.</summary>
public sealed class WarmUpTests
{
    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task What_is_warmed_up_is_here_for_clients()
    {
        var image = TestImages.OnePlatform(seed: 3100);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        using var manifest = await WarmAsync(host, "manifests/1");
        Assert.Equal(HttpStatusCode.OK, manifest.StatusCode);
        foreach (var blob in image.Blobs)
        {
            using var answer = await WarmAsync(host, $"blobs/{blob.Digest}");
            Assert.Equal(blob.Digest, blob.Digest.Rehash(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        }

        upstream.GoDown();
        await host.PullAsync("up/team/app", image, "1");
    }

    [Fact]
    public async Task When_little_is_left_of_the_rate_limit_warm_up_waits_and_clients_are_served()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 4, Time = time });
        var image = TestImages.OnePlatform(seed: 3200);
        upstream.Add("team/app", image, "1", "2", "3", "4");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream)], new MillpondHostOptions { Time = time });
        for (var tag = 1; tag <= 3; tag++)
        {
            await host.PullManifestAsync("up/team/app", $"{tag}");
        }

        upstream.ClearRequests();
        using var refused = await WarmAsync(host, "manifests/4");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        using var blob = await WarmAsync(host, $"blobs/{image.Layer.Digest}");
        Assert.Equal(HttpStatusCode.TooManyRequests, blob.StatusCode);
        upstream.AssertNoRequests();

        Assert.Equal("miss", await host.PullManifestAsync("up/team/app", "4"));
        using var pulled = await host.BlobAsync("up/team/app", image.Layer.Digest);
        Assert.Equal(HttpStatusCode.OK, pulled.StatusCode);
        using var here = await WarmAsync(host, "manifests/1");
        Assert.Equal("hit", here.CacheStatus());
    }

    [Fact]
    public async Task A_client_that_joins_a_warm_up_is_not_refused_with_it()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RateLimit = 4, Time = time });
        var (first, second) = (TestBlob.Generated(seed: 3301, length: 5000), TestBlob.Generated(seed: 3302, length: 5000));
        upstream.Add("team/app", TestImages.WithLayers(first, second), "1", "2", "3");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { Limits = new UpstreamLimits(Fills: 1) }], new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(first.Digest, after: 2000);
        using var running = await host.BlobAsync("up/team/app", first.Digest);

        // Both wait for the one slot; while they do, the rate limit runs low.
        var warm = WarmAsync(host, $"blobs/{second.Digest}");
        var client = host.BlobAsync("up/team/app", second.Digest);
        await host.PullManifestAsync("up/team/app", "2");
        await host.PullManifestAsync("up/team/app", "3");
        gate.Open();

        using var pulled = await client;
        Assert.Equal(HttpStatusCode.OK, pulled.StatusCode);
        (await warm).Dispose();
    }

    private static Task<HttpResponseMessage> WarmAsync(MillpondHost host, string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, $"/v2/up/team/app/{path}"));
        request.Headers.Add("Millpond-Priority", "warm-up");
        return host.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}
