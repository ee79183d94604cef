using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What is deleted upstream, and what only looks so.</summary>
public sealed class AbsenceTests : IAsyncLifetime
{
    private readonly FakeTimeProvider time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TestImage image = TestImages.OnePlatform();
    private FakeUpstream upstream = null!;
    private MillpondHost host = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync(new() { Time = time });
        upstream.Add("team/app", image, "v1");
        host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream.Address) with { OnUpstreamDelete = OnUpstreamDelete.Follow }], new() { Time = time });
        await host.PullAsync("up/team/app", image, "v1");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task An_ingress_with_nothing_behind_it_deletes_nothing()
    {
        upstream.Arm(UpstreamFault.IngressPage, int.MaxValue);
        time.Advance(TimeSpan.FromHours(25));
        for (var check = 0; check < 4; check++)
        {
            using var stale = await host.ManifestAsync("up/team/app", "v1");
            Assert.Equal((HttpStatusCode.OK, "stale"), (stale.StatusCode, stale.Headers.GetValues("Millpond-Cache").Single()));
            time.Advance(TimeSpan.FromMinutes(30));
        }

        using var tags = await host.Client.GetAsync(new Uri(host.Address, "/v2/up/team/app/tags/list"));
        Assert.Equal(HttpStatusCode.OK, tags.StatusCode);
        Assert.Contains("\"v1\"", await tags.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        upstream.DisarmAll();
        time.Advance(TimeSpan.FromHours(1));
        using var again = await host.ManifestAsync("up/team/app", "v1");
        Assert.Equal("revalidated", again.Headers.GetValues("Millpond-Cache").Single());
    }

    [Fact]
    public async Task A_registry_that_says_so_twice_is_followed()
    {
        upstream.RemoveTag("team/app", "v1");
        time.Advance(TimeSpan.FromHours(25));
        using var first = await host.ManifestAsync("up/team/app", "v1");
        Assert.Equal("stale", first.Headers.GetValues("Millpond-Cache").Single());

        time.Advance(TimeSpan.FromMinutes(30));
        using var second = await host.ManifestAsync("up/team/app", "v1");
        Assert.Equal(HttpStatusCode.NotFound, second.StatusCode);
    }
}
