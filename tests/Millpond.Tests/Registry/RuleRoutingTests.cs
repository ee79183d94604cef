using System.Net;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>One repository, by every way there is to ask for it.</summary>
public sealed class RuleRoutingTests : IAsyncLifetime
{
    private readonly TestImage image = TestImages.OnePlatform();
    private FakeUpstream upstream = null!;
    private MillpondHost millpond = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", image, "latest");
        var rule = MillpondHost.Rule("up", upstream) with { Hosts = ["up.cache.example"] };
        millpond = await MillpondHost.StartAsync(
            [rule], new()
            {
                Configure = configuration => configuration with
                {
                    PublicUrl = new("https://cache.example"),
                    Listeners = [new RuleListener(new("http://127.0.0.1:0"), "up")],
                    OperationsListen = [new("http://127.0.0.1:0")],
                },
            });
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task Every_way_leads_to_one_repository_and_one_upstream_request()
    {
        var ns = Uri.EscapeDataString(upstream.Address.Authority);
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/v2/up/team/app/manifests/latest"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync($"/v2/team/app/manifests/latest?ns={ns}"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync($"/v2/up/team/app/manifests/latest?ns={ns}"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/v2/team/app/manifests/latest", host: "up.cache.example"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/v2/team/app/manifests/latest", host: "UP.cache.example:8443"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/v2/up/team/app/manifests/latest?ns=cache.example", host: "cache.example"));
        Assert.Equal(HttpStatusCode.OK, await GetAsync("/v2/team/app/manifests/latest", millpond.Server.RuleAddresses[0]));
        upstream.AssertRequests(1, RequestKind.Manifest);
    }

    [Fact]
    public async Task Without_prefix_namespace_host_or_listener_there_is_no_rule()
    {
        Assert.Equal(HttpStatusCode.NotFound, await GetAsync("/v2/team/app/manifests/latest"));
        Assert.Equal(HttpStatusCode.MisdirectedRequest, await GetAsync("/v2/team/app/manifests/latest", host: "other.cache.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync("/v2/team/app/manifests/latest?ns=quay.io"));
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task Operations_are_on_their_own_listener_only()
    {
        var operations = Assert.Single(millpond.Server.OperationsAddresses);
        foreach (var path in new[] { "/healthz", "/readyz", "/metrics", "/-/rules", "/-/upstreams" })
        {
            Assert.Equal(HttpStatusCode.OK, await GetAsync(path, operations));
            Assert.Equal(HttpStatusCode.NotFound, await GetAsync(path));
            Assert.Equal(HttpStatusCode.NotFound, await GetAsync(path, millpond.Server.RuleAddresses[0]));
        }

        Assert.Equal(HttpStatusCode.NotFound, await GetAsync("/v2/", operations));
    }

    private async Task<HttpStatusCode> GetAsync(string path, Uri? address = null, string? host = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, (address ?? millpond.Address) + path[1..]);
        request.Headers.Host = host;
        using var response = await millpond.Client.SendAsync(request);
        return response.StatusCode;
    }
}
