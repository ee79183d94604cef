using Millpond.Server.Upstream;
using Millpond.Server.Upstream.Tokens;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Tests.Upstream.Tokens;

public sealed class TokenRealmTests
{
    [Theory]
    [InlineData("https://quay.io", "https://quay.io/v2/auth")]
    [InlineData("https://quay.io", "https://QUAY.io:443/v2/auth")]
    [InlineData("https://quay.io", "/v2/auth")]
    [InlineData("https://registry-1.docker.io", "https://auth.docker.io/token")]
    [InlineData("https://registry.gitlab.com", "https://gitlab.com/jwt/auth")]
    [InlineData("https://docker.elastic.co", "https://docker-auth.elastic.co/auth")]
    [InlineData("http://harbor.test:8080", "http://harbor.test:8080/service/token")]
    [InlineData("https://harbor.test", "https://sso.corp.test/token?x=1", "https://sso.corp.test/token")]
    [InlineData("https://harbor.test", "https://sso.corp.test/any/path", "https://sso.corp.test")]
    [InlineData("http://harbor.test", "http://sso.corp.test/token", "http://sso.corp.test/token")]
    [InlineData("http://harbor.test", "https://sso.corp.test/token", "https://sso.corp.test/token")]
    public void An_allowed_realm_is_taken(string upstream, string realm, params string[] tokenRealms) =>
        Assert.Equal(new Uri(new Uri(upstream), realm), TokenRealm.Check(Rule(upstream, tokenRealms), realm));

    [Theory]
    [InlineData("https://quay.io", "https://evil.test/token")]
    [InlineData("https://quay.io", "//evil.test/token")]
    [InlineData("https://quay.io", "https://quay.io:8443/token")]
    [InlineData("https://quay.io", "http://quay.io/token")]
    [InlineData("https://quay.io", "https://quay.io.evil.test/token")]
    [InlineData("https://quay.io", "https://quay.io@evil.test/token")]
    [InlineData("https://quay.io", "https://someone@quay.io/token")]
    [InlineData("https://quay.io", "https://auth.docker.io/token")]
    [InlineData("https://registry-1.docker.io", "http://auth.docker.io/token")]
    [InlineData("https://registry-1.docker.io", "https://auth.docker.io:444/token")]
    [InlineData("https://registry-1.docker.io:444", "https://auth.docker.io/token")]
    [InlineData("http://registry-1.docker.io", "https://auth.docker.io/token")]
    [InlineData("https://harbor.test", "https://sso.corp.test/other", "https://sso.corp.test/token")]
    [InlineData("https://harbor.test", "http://sso.corp.test/token", "http://sso.corp.test/token")]
    public void Any_other_realm_is_refused_and_named(string upstream, string realm, params string[] tokenRealms)
    {
        var refused = Assert.Throws<UpstreamException>(() => TokenRealm.Check(Rule(upstream, tokenRealms), realm));

        Assert.Equal(UpstreamOutcome.BadAnswer, refused.Outcome);
        Assert.Contains(new Uri(new Uri(upstream), realm).Host, refused.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("://", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://quay.io/token")]
    [InlineData("https://")]
    public void What_is_no_realm_is_refused(string? realm) =>
        Assert.Equal(UpstreamOutcome.BadAnswer, Assert.Throws<UpstreamException>(() => TokenRealm.Check(Rule("https://quay.io"), realm)).Outcome);

    [Fact]
    public async Task A_refused_realm_gets_no_request_at_all()
    {
        await using var stranger = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TokenRegistry.StartAsync();
        registry.Realm = $"{stranger.Url}token";
        using var client = TestClients.Client(registry.Rule with { Credential = TestClients.FromEnvironment });

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.DoesNotContain($"{stranger.Url}token", result.Reason, StringComparison.Ordinal);
        Assert.Contains("tokenRealms", result.Reason, StringComparison.Ordinal);
        Assert.Empty(stranger.Requests);
    }

    [Fact]
    public async Task A_realm_of_the_rule_gets_the_credential()
    {
        await using var sso = await TestServer.StartAsync(context => Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, """{"token":"t"}"""));
        await using var registry = await TokenRegistry.StartAsync();
        registry.Realm = $"{sso.Url}token?realm=corp&scope=registry:catalog:*&s%63ope=x";
        using var client = TestClients.Client(registry.Rule with { Credential = TestClients.FromEnvironment, TokenRealms = [new Uri(sso.Url, "/token")] });

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Found, result.Outcome);
        var request = Assert.Single(sso.Requests);
        Assert.Equal("/token?realm=corp&service=the%20registry&scope=repository%3Ateam%2Fapp%3Apull&account=robot", request.Target);
        Assert.StartsWith("Basic ", request["Authorization"], StringComparison.Ordinal);
    }

    private static Millpond.Server.Configuration.PullThroughRule Rule(string upstream, params string[] tokenRealms) =>
        TestClients.Rule(new Uri(upstream)) with { TokenRealms = [.. tokenRealms.Select(realm => new Uri(realm))] };
}
