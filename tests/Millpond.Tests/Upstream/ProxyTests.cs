using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class ProxyTests : IDisposable
{
    private static readonly Digest Blob = Digest.Sha256("blob"u8);

    private readonly TestAuthority authority = new();

    public void Dispose() => authority.Dispose();

    [Fact]
    public async Task Registry_token_and_blob_host_are_reached_through_the_proxy()
    {
        using var proxy = new TestProxy($"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes("me:p@ss"))}");
        using var certificate = authority.Server("registry.test", "sso.test", "cdn.test");
        await using var server = await TestServer.StartAsync(Everything, listen => listen.UseHttps(certificate), "https");
        var rule = Rule(server.Url.Port) with { Proxy = $"http://me:p%40ss@127.0.0.1:{proxy.Port}" };
        using var client = TestClients.Client(rule);

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        var port = server.Url.Port;
        Assert.Equal([$"registry.test:{port}", $"sso.test:{port}", $"cdn.test:{port}"], proxy.Tunnels.Distinct());
        Assert.All(server.Requests, request => Assert.Null(request["Proxy-Authorization"]));
    }

    [Fact]
    public async Task The_environments_proxy_is_used_and_its_exceptions_too()
    {
        using var proxy = new TestProxy();
        using var certificate = authority.Server("registry.test");
        await using var server = await TestServer.StartAsync(_ => Task.CompletedTask, listen => listen.UseHttps(certificate), "https");
        var environment = new Dictionary<string, string> { ["HTTPS_PROXY"] = $"127.0.0.1:{proxy.Port}" };
        var network = TestClients.Names(("registry.test", ["127.0.0.1"]));

        async Task<UpstreamResult<object>> PingAsync(string? own)
        {
            using var client = TestClients.Client(Rule(server.Url.Port) with { Proxy = own }, network: network, environment: name => environment.GetValueOrDefault(name));
            return await client.PingAsync(CancellationToken.None);
        }

        Assert.True((await PingAsync(null)).IsFound);
        Assert.Single(proxy.Tunnels);
        Assert.True((await PingAsync("none")).IsFound);
        environment["no_proxy"] = ".test";
        Assert.True((await PingAsync(null)).IsFound);
        Assert.Single(proxy.Tunnels);
    }

    [Fact]
    public async Task Plain_http_is_asked_of_the_proxy_by_its_whole_url()
    {
        await using var proxy = await TestServer.StartAsync(_ => Task.CompletedTask);
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://registry.test:5000")) with { Proxy = proxy.Url.OriginalString });

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal("http://registry.test:5000/v2/team/app/manifests/latest", Assert.Single(proxy.Requests).Target);
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("http://localhost:9090/")]
    [InlineData("http://127.0.0.1:{proxy}/")]
    public async Task A_redirect_to_a_written_private_address_does_not_reach_the_proxy(string target)
    {
        TestServer? self = null;
        await using var proxy = await TestServer.StartAsync(context =>
        {
            context.Response.Redirect(target.Replace("{proxy}", $"{self!.Url.Port}", StringComparison.Ordinal));
            return Task.CompletedTask;
        });
        self = proxy;
        using var client = TestClients.Client(TestClients.Rule(new Uri("http://registry.test:5000")) with { Proxy = proxy.Url.OriginalString });

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.Contains("may lead there", result.Reason, StringComparison.Ordinal);
        Assert.Single(proxy.Requests);
    }

    [Fact]
    public async Task A_proxy_that_refuses_or_is_gone_is_named()
    {
        using var proxy = new TestProxy("Basic nobody");
        using var client = TestClients.Client(Rule(443) with { Proxy = $"http://127.0.0.1:{proxy.Port}" });
        var refused = await client.PingAsync(CancellationToken.None);
        Assert.Equal((UpstreamOutcome.Unreachable, "the proxy in front of registry.test answered 407 to CONNECT"), (refused.Outcome, refused.Reason));

        proxy.Dispose();
        var gone = await client.PingAsync(CancellationToken.None);
        Assert.Equal((UpstreamOutcome.Unreachable, "the proxy in front of registry.test refused the connection"), (gone.Outcome, TestClients.WithoutId(gone.Reason)));
    }

    private PullThroughRule Rule(int port) => TestClients.Rule(new Uri($"https://registry.test:{port}"), "registry.test") with
    {
        Tls = new UpstreamTls(authority.Bundle),
        TokenRealms = [new Uri($"https://sso.test:{port}/token")],
    };

    private static Task Everything(HttpContext context)
    {
        var port = context.Request.Host.Port;
        switch (context.Request.Host.Host)
        {
            case "registry.test" when context.Request.Headers.Authorization.Count == 0:
                context.Response.StatusCode = 401;
                context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://sso.test:{port}/token\"";
                break;
            case "registry.test":
                context.Response.Redirect($"https://cdn.test:{port}/blob");
                break;
            case "sso.test":
                return context.Response.WriteAsync("""{"token":"t"}""");
            default:
                break;
        }

        return Task.CompletedTask;
    }
}
