using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream;

public sealed class RedirectTests
{
    private static readonly Digest Blob = Digest.Sha256("the blob"u8);

    [Fact]
    public async Task Token_credential_and_extra_headers_stay_behind_when_the_port_changes()
    {
        await using var cdn = await TestServer.StartAsync(context => context.Response.WriteAsync("the blob"));
        await using var registry = await TokenRegistry.StartAsync();
        registry.Answer = Redirect($"{cdn.Url}blob?signature=x");
        using var client = TestClients.Client(registry.Rule with
        {
            Credential = TestClients.FromEnvironment,
            Headers = [new("X-Cache-Chain", "millpond"), new("User-Agent", "corp/1")],
        });

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(0, 7), CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Found, result.Outcome);
        result.Value!.Dispose();
        var own = registry.RegistryRequests.Last();
        Assert.Equal(("Bearer token-1", "millpond", "corp/1"), (own["Authorization"], own["X-Cache-Chain"], own["User-Agent"]));
        var elsewhere = Assert.Single(cdn.Requests);
        Assert.Equal((null, null), (elsewhere["Authorization"], elsewhere["X-Cache-Chain"]));
        Assert.Equal(("bytes=0-7", "identity"), (elsewhere["Range"], elsewhere["Accept-Encoding"]));
        Assert.StartsWith("millpond/", elsewhere["User-Agent"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Within_the_origin_the_token_goes_along()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.Answer = context => context.Request.Path == "/moved" ? context.Response.WriteAsync("the blob") : Redirect("/moved")(context);
        using var client = TestClients.Client(registry.Rule);

        Assert.Equal(UpstreamOutcome.Found, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Equal(["Bearer token-1", "Bearer token-1"], registry.RegistryRequests.Skip(1).Select(request => request["Authorization"]));
    }

    [Fact]
    public async Task A_stranger_that_leads_back_does_not_get_the_token_sent()
    {
        await using var registry = await TokenRegistry.StartAsync();
        await using var cdn = await TestServer.StartAsync(Redirect($"{registry.Url}private"));
        registry.Answer = Redirect($"{cdn.Url}blob");
        using var client = TestClients.Client(registry.Rule);

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.All(registry.RegistryRequests.Where(request => request.Target == "/private"), request => Assert.Null(request["Authorization"]));
        Assert.Contains(registry.RegistryRequests, request => request.Target == "/private");
    }

    [Fact]
    public async Task The_challenge_of_a_stranger_is_not_answered()
    {
        await using var cdn = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"give\"";
            return Task.CompletedTask;
        });
        await using var registry = await TestServer.StartAsync(Redirect($"{cdn.Url}blob"));
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Credential = TestClients.FromEnvironment });

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.Equal("the host that upstream.test redirects to answered 401", TestClients.WithoutId(result.Reason));
        Assert.All(cdn.Requests, request => Assert.Null(request["Authorization"]));
    }

    [Fact]
    public async Task An_expired_signed_url_is_asked_for_anew()
    {
        await using var cdn = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.QueryString.Value == "?signature=2" ? 200 : 403;
            return Task.CompletedTask;
        });
        var signature = 0;
        await using var registry = await TestServer.StartAsync(context => Redirect($"{cdn.Url}blob?signature={++signature}")(context));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.Found, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Equal(2, registry.Requests.Count);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Equal(4, registry.Requests.Count);
    }

    [Fact]
    public async Task No_redirect_is_remembered()
    {
        await using var cdn = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(Redirect($"{cdn.Url}blob", 301));
        using var client = TestClients.Client(registry.Url);

        await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);
        await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(2, registry.Requests.Count);
    }

    [Fact]
    public async Task Rate_limits_are_the_registrys_not_the_blob_hosts()
    {
        await using var cdn = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["ratelimit-limit"] = "100;w=21600";
            context.Response.Headers["ratelimit-remaining"] = "76;w=21600";
            return Redirect($"{cdn.Url}blob")(context);
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(new RateLimit(100, 76, TimeSpan.FromHours(6)), result.RateLimit);
    }

    [Theory]
    [InlineData(5, UpstreamOutcome.Found)]
    [InlineData(6, UpstreamOutcome.BadAnswer)]
    public async Task Five_redirects_are_followed_and_no_more(int redirects, UpstreamOutcome expected)
    {
        var answered = 0;
        await using var registry = await TestServer.StartAsync(context => answered++ < redirects ? Redirect("/again")(context) : Task.CompletedTask);
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ftp://127.0.0.1/blob")]
    [InlineData("http://")]
    public async Task A_redirect_to_nowhere_is_a_bad_answer(string? location)
    {
        await using var registry = await TestServer.StartAsync(Redirect(location));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
    }

    /// <summary>.NET makes a URL of any host, and throws when one asks for its name.</summary>
    [Fact]
    public void Whatever_stands_in_a_host_it_is_one_that_can_be_looked_up_or_refused()
    {
        var rule = TestClients.Rule(new Uri("https://quay.io"));
        var refused = 0;
        for (var one = 0x80; one < 0x10000; one++)
        {
            foreach (var host in new[] { $"a{(char)one}.example", $"{(char)one}", $"xn--{(char)one}" })
            {
                try
                {
                    Assert.NotEmpty(RedirectTarget.Resolve(rule.Upstream, $"https://{host}/x", "quay.io").IdnHost);
                    Assert.Throws<UpstreamException>(() => Millpond.Server.Upstream.Tokens.TokenRealm.Check(rule, $"https://{host}/token"));
                }
                catch (UpstreamException)
                {
                    refused++;
                }
            }
        }

        Assert.NotEqual(0, refused);
    }

    [Fact]
    public void From_https_to_http_is_refused()
    {
        var refused = Assert.Throws<UpstreamException>(() => RedirectTarget.Resolve(new Uri("https://quay.io/v2/"), "http://cdn.quay.io/x", "quay.io"));

        Assert.Equal(UpstreamOutcome.BadAnswer, refused.Outcome);
        Assert.Equal("https://cdn.quay.io/x", RedirectTarget.Resolve(new Uri("http://quay.io/v2/"), "https://cdn.quay.io/x", "quay.io").AbsoluteUri);
    }

    [Fact]
    public async Task A_signed_url_arrives_character_by_character()
    {
        const string Target = "/blob%7Ex/../a%2fB//c?X-Sig=a%2Bb%41~&e=%3d%3D&p=(1)!";
        await using var cdn = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(Redirect($"{cdn.Url.GetLeftPart(UriPartial.Authority)}{Target}"));
        using var client = TestClients.Client(registry.Url);

        await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal(Target, Assert.Single(cdn.Requests).Target);
    }

    [Fact]
    public async Task A_url_with_characters_that_break_a_request_is_escaped()
    {
        await using var cdn = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(Redirect($"{cdn.Url}a b HTTP/1.1"));
        using var client = TestClients.Client(registry.Url);

        await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.Equal("/a%20b%20HTTP/1.1", Assert.Single(cdn.Requests).Target);
    }

    private static RequestDelegate Redirect(string? location, int status = 307) => context =>
    {
        context.Response.StatusCode = status;
        if (location is not null)
        {
            context.Response.Headers.Location = location;
        }

        return Task.CompletedTask;
    };
}
