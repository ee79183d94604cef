using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Server.Registry.Answers;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>A crowd of one client's requests and another client's one.</summary>
public sealed class FairShareTests
{
    private static readonly RepositoryName Absent = RepositoryName.Parse("team/absent");
    private static readonly RepositoryName App = RepositoryName.Parse("team/app");
    private static readonly Asker Greedy = new(RequestReason.Pull, "greedy");
    private static readonly Asker Other = new(RequestReason.Pull, "other");

    [Fact]
    public async Task Two_hundred_askers_of_one_client_leave_anothers_cold_manifest_before_them()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 281), "1");
        upstream.Arm(UpstreamFault.BlackHole, times: 2, repository: "team/absent");
        await using var parts = NewParts(upstream);
        var governed = parts.Upstreams[parts.Target("team/app").Rule];
        using var leaving = new CancellationTokenSource();
        var running = Enumerable.Range(0, 2).Select(i => governed.GetManifestAsync(Greedy, Absent, $"running{i}", leaving.Token)).ToArray();
        await upstream.WhenRequestsReach(2, RequestKind.Manifest);
        var crowd = Enumerable.Range(0, 200).Select(i => governed.GetManifestAsync(Greedy, Absent, $"{i}", CancellationToken.None)).ToArray();
        var other = governed.GetManifestAsync(Other, App, "1", CancellationToken.None);
        Assert.Equal(201, governed.Governor.Waiting);

        await leaving.CancelAsync();
        Assert.True((await other).IsFound);
        await Task.WhenAll(crowd);
        foreach (var left in running)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
        }

        // Two slots came free at once: it had the first, and may have arrived second.
        var order = upstream.Requests(RequestKind.Manifest).Select(static request => request.Repository).ToList();
        Assert.InRange(order.IndexOf("team/app"), 2, 3);
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public async Task Three_thousand_pulls_whose_clients_hung_up_leave_anothers_cold_pull_two_seconds()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(seed: 282);
        upstream.Add("team/app", image, "1");
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue, repository: "team/absent");
        await using var host = await MillpondHost.StartAsync(upstream);
        using var leaving = new CancellationTokenSource();
        var left = Enumerable.Range(0, 3000)
            .Select(i => host.Client.GetAsync(new Uri(host.Address, $"/v2/up/team/absent/manifests/{i}"), leaving.Token)).ToArray();
        await upstream.WhenRequestsReach(16);
        await leaving.CancelAsync();
        foreach (var pull in left)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        }

        var watch = Stopwatch.StartNew();
        await host.PullAsync("up/team/app", image, "1");
        Assert.True(watch.Elapsed <= TimeSpan.FromSeconds(2), $"It took {watch.Elapsed}.");
        hole.Disarm();
    }

    [Fact]
    public void A_client_is_known_by_its_address_whatever_it_asks_for()
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse("192.0.2.7");
        var plain = RegistryHeaders.ReadOptions(context.Request);
        context.Request.Headers.CacheControl = "no-cache";
        var forced = RegistryHeaders.ReadOptions(context.Request);
        Assert.All(
            [plain.AsPull, plain.AsProof, plain.AsCheck, forced.AsPull], asker => Assert.Equal("192.0.2.7", asker.Client));
    }

    private static CacheParts NewParts(FakeUpstream upstream) => new(upstream, change: rule => rule with { Limits = new UpstreamLimits(Fills: 2, Requests: 2) });
}
