using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Transport;

public sealed class AddressRulesTests
{
    private static readonly Digest Blob = Digest.Sha256("blob"u8);

    [Theory]
    [InlineData("8.8.8.8", "cdn.test", "8.8.4.4", "8.8.4.4")]
    [InlineData("8.8.8.8", "cdn.test", "10.0.0.1 8.8.4.4", "8.8.4.4")]
    [InlineData("8.8.8.8", "cdn.test", "10.0.0.1", null)]
    [InlineData("8.8.8.8 10.0.0.2", "cdn.test", "10.0.0.1", null)]
    [InlineData("10.0.0.2", "cdn.test", "10.0.0.1", "10.0.0.1")]
    [InlineData("", "cdn.test", "10.0.0.1", null)]
    [InlineData("8.8.8.8 10.0.0.2", "upstream.test", "8.8.8.8 10.0.0.2", "8.8.8.8 10.0.0.2")]
    [InlineData("10.0.0.2 127.0.0.1", "cdn.test", "10.0.0.1", "10.0.0.1")]
    [InlineData("127.0.0.1", "cdn.test", "10.0.0.1", "10.0.0.1")]
    [InlineData("127.0.0.1 ::1", "cdn.test", "127.0.0.1", "127.0.0.1")]
    [InlineData("169.254.0.9", "cdn.test", "fe80::1", "fe80::1")]
    public async Task What_a_host_may_resolve_to_depends_on_where_the_upstream_is(string upstream, string host, string addresses, string? permitted)
    {
        var rule = TestClients.Rule(new Uri("https://upstream.test"));
        var rules = new AddressRules(rule, [rule.Upstream], (_, _) => Task.FromResult(Parse(upstream)));

        var permit = async () => await rules.PermitAsync(host, 443, Parse(addresses), CancellationToken.None);

        if (permitted is null)
        {
            var refused = await Assert.ThrowsAsync<UpstreamException>(permit);
            Assert.Contains("privateRedirects in rule test", refused.Message, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(Parse(permitted), await permit());
        }
    }

    /// <summary>A private upstream, one that the rule trusts with private redirects, one here and one on the link: none leads on to another's.</summary>
    [Theory]
    [InlineData("10.0.0.2", "127.0.0.1")]
    [InlineData("10.0.0.2", "0.0.0.0")]
    [InlineData("10.0.0.2", "::ffff:127.0.0.1")]
    [InlineData("10.0.0.2", "169.254.169.254")]
    [InlineData("10.0.0.2", "fd00:ec2::254")]
    [InlineData("100.64.0.1", "100.100.100.200")]
    [InlineData("8.8.8.8", "127.0.0.1")]
    [InlineData("8.8.8.8", "fe80::1")]
    [InlineData("127.0.0.1", "169.254.169.254")]
    [InlineData("169.254.0.9", "127.0.0.1")]
    [InlineData("10.0.0.2 127.0.0.1", "127.0.0.1")]
    [InlineData("", "127.0.0.1")]
    public async Task To_loopback_and_link_local_leads_only_an_upstream_that_is_there_itself(string upstream, string target)
    {
        foreach (var privateRedirects in new[] { false, true })
        {
            var rule = TestClients.Rule(new Uri("https://upstream.test")) with { PrivateRedirects = privateRedirects };
            var rules = new AddressRules(rule, [rule.Upstream], (_, _) => Task.FromResult(Parse(upstream)));

            var refused = await Assert.ThrowsAsync<UpstreamException>(async () => await rules.PermitAsync("cdn.test", 443, Parse(target), CancellationToken.None));

            Assert.Contains("only an upstream that is", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_rule_may_allow_private_redirects()
    {
        var rule = TestClients.Rule(new Uri("https://upstream.test")) with { PrivateRedirects = true };
        var rules = new AddressRules(rule, [rule.Upstream], (_, _) => throw new SocketException((int)SocketError.HostNotFound));

        Assert.Equal(Parse("10.0.0.1"), await rules.PermitAsync("cdn.test", 443, Parse("10.0.0.1 127.0.0.1"), CancellationToken.None));
    }

    [Fact]
    public async Task Another_port_of_the_upstreams_host_is_not_the_upstream()
    {
        var rule = TestClients.Rule(new Uri("https://upstream.test"));
        var rules = new AddressRules(rule, [rule.Upstream], (_, _) => Task.FromResult(Parse("8.8.8.8 10.0.0.2")));

        Assert.Equal(Parse("8.8.8.8"), await rules.PermitAsync("upstream.test", 6443, Parse("8.8.8.8 10.0.0.2"), CancellationToken.None));
    }

    [Theory]
    [InlineData("https://quay.io", "https://169.254.169.254/x", false)]
    [InlineData("https://quay.io", "https://[::1]/x", false)]
    [InlineData("https://quay.io", "https://2130706433/x", false)]
    [InlineData("https://quay.io", "https://localhost./x", false)]
    [InlineData("https://quay.io", "https://a.localhost/x", false)]
    [InlineData("https://quay.io", "https://cdn.quay.io/x", true)]
    [InlineData("https://quay.io", "https://8.8.8.8/x", true)]
    [InlineData("https://10.0.0.1", "https://10.0.0.2/x", true)]
    [InlineData("https://10.0.0.1", "https://10.0.0.1/x", true)]
    [InlineData("https://10.0.0.1", "https://127.0.0.1/x", false)]
    [InlineData("https://10.0.0.1", "https://169.254.169.254/x", false)]
    [InlineData("https://10.0.0.1", "https://[::ffff:169.254.169.254]/x", false)]
    [InlineData("https://10.0.0.1", "https://metadata.google.internal/x", false)]
    [InlineData("http://127.0.0.1:1", "http://localhost:2/x", true)]
    public void Through_a_proxy_a_written_address_is_judged(string upstream, string target, bool allowed)
    {
        var rule = TestClients.Rule(new Uri(upstream));
        var rules = new AddressRules(rule, [rule.Upstream], (_, _) => throw new InvalidOperationException("Names are the proxy's to resolve."));

        var refused = Record.Exception(() => rules.CheckProxied(new Uri(target)));

        Assert.Equal(allowed, refused is null);
    }

    [Fact]
    public async Task A_redirect_from_a_public_upstream_to_a_private_address_is_not_followed()
    {
        await using var inside = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Redirect($"http://inside.test:{inside.Url.Port}/secret");
            return Task.CompletedTask;
        });
        var network = TestClients.Names(("public.test", ["8.8.8.8"]), ("inside.test", ["10.0.0.1"]));
        var rule = TestClients.Rule(new Uri($"http://public.test:{registry.Url.Port}"));

        using var strict = TestClients.Client(rule, network: network);
        var refused = await strict.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None);
        Assert.Equal(UpstreamOutcome.BadAnswer, refused.Outcome);
        Assert.StartsWith("upstream.test leads to a private address; set privateRedirects in rule test if it may (log id ", refused.Reason, StringComparison.Ordinal);
        Assert.Empty(inside.Requests);

        using var told = TestClients.Client(rule with { PrivateRedirects = true }, network: network);
        Assert.Equal(UpstreamOutcome.Found, (await told.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Single(inside.Requests);
    }

    [Fact]
    public async Task A_private_upstream_does_not_lead_to_a_service_of_this_machine()
    {
        await using var service = await TestServer.StartAsync(context => context.Response.WriteAsync("the service's secret"));
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Redirect($"http://127.0.0.1:{service.Url.Port}/secret");
            return Task.CompletedTask;
        });
        var network = TestClients.Names(("private.test", ["10.0.0.1"]));
        var rule = TestClients.Rule(new Uri($"http://private.test:{registry.Url.Port}")) with { PrivateRedirects = true };
        using var client = TestClients.Client(rule, network: network);

        var refused = await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(0, 9), CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, refused.Outcome);
        Assert.Empty(service.Requests);
    }

    [Fact]
    public async Task A_name_that_changes_its_address_is_judged_by_the_one_connected_to()
    {
        await using var inside = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Redirect($"http://rebound.test:{inside.Url.Port}/");
            return Task.CompletedTask;
        });
        var asked = 0;
        var network = TestClients.Names(("public.test", ["8.8.8.8"])) with
        {
            Resolve = (host, _) => Task.FromResult(Parse(host == "rebound.test" && Interlocked.Increment(ref asked) > 0 ? "127.0.0.1" : "8.8.8.8")),
        };
        using var client = TestClients.Client(TestClients.Rule(new Uri($"http://public.test:{registry.Url.Port}")), network: network);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Equal(1, asked);
        Assert.Empty(inside.Requests);
    }

    [Fact]
    public async Task A_realm_that_the_rule_names_may_be_private_and_a_redirect_there_still_not()
    {
        await using var sso = await TestServer.StartAsync(context => context.Response.WriteAsync("""{"token":"t"}"""));
        await using var registry = await TokenRegistry.StartAsync();
        registry.Realm = $"http://sso.test:{sso.Url.Port}/token";
        registry.Answer = context =>
        {
            context.Response.Redirect($"http://sso.test:{sso.Url.Port}/admin");
            return Task.CompletedTask;
        };
        var rule = TestClients.Rule(new Uri($"http://public.test:{registry.Url.Port}")) with { TokenRealms = [new Uri($"http://sso.test:{sso.Url.Port}/token")] };
        using var client = TestClients.Client(rule, network: TestClients.Names(("public.test", ["8.8.8.8"]), ("sso.test", ["10.0.0.1"])));

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.StartsWith("/token?", Assert.Single(sso.Requests).Target, StringComparison.Ordinal);
    }

    private static IPAddress[] Parse(string addresses) => [.. addresses.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(IPAddress.Parse)];
}
