using System.Text;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

/// <summary>A vendor's name that redirects to another registry, which wants a token.</summary>
public sealed class RedirectedRegistryTests : IAsyncLifetime
{
    private static readonly RepositoryName Other = RepositoryName.Parse("team/other");

    private TokenRegistry registry = null!;
    private TestServer vanity = null!;

    public async ValueTask InitializeAsync()
    {
        registry = await TokenRegistry.StartAsync();
        vanity = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"{registry.Url.GetLeftPart(UriPartial.Authority)}{context.Request.Path}{context.Request.QueryString}";
            return Task.CompletedTask;
        });
    }

    public async ValueTask DisposeAsync()
    {
        await vanity.DisposeAsync();
        await registry.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_pulled_from_anonymously_and_the_credential_stays_here(bool hasCredential)
    {
        using var client = TestClients.Client(TestClients.Rule(vanity.Url) with { Credential = hasCredential ? TestClients.FromEnvironment : null });

        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);

        var token = Assert.Single(registry.TokenRequests);
        Assert.Null(token["Authorization"]);
        Assert.DoesNotContain("account", token.Target, StringComparison.Ordinal);
        Assert.Contains("scope=repository%3Ateam%2Fapp%3Apull", token.Target, StringComparison.Ordinal);
        Assert.Equal([null, "Bearer token-1"], registry.RegistryRequests.Select(request => request["Authorization"]));
        Assert.All(vanity.Requests, request => Assert.Null(request["Authorization"]));
    }

    [Fact]
    public async Task What_it_has_asked_for_is_remembered()
    {
        using var client = TestClients.Client(vanity.Url);
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await client.HeadManifestAsync(Other, "latest", CancellationToken.None);

        Assert.Equal(4, registry.RegistryRequests.Count());
        Assert.Equal(2, registry.TokenRequests.Count());
    }

    [Fact]
    public async Task With_its_realm_in_tokenRealms_it_gets_the_credential()
    {
        using var client = TestClients.Client(TestClients.Rule(vanity.Url) with
        {
            Credential = TestClients.FromEnvironment,
            TokenRealms = [new Uri($"{registry.Url}token")],
        });

        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Equal($"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes("robot:s3cret"))}", Assert.Single(registry.TokenRequests)["Authorization"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_refusal_says_what_would_help(bool byTokenService)
    {
        if (byTokenService)
        {
            registry.TokenAnswer = RefuseAsync;
        }
        else
        {
            registry.Answer = RefuseAsync;
        }

        using var client = TestClients.Client(vanity.Url);
        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal((UpstreamOutcome.Refused, false), (result.Outcome, result.IsCredentialRefused));
        Assert.Contains("give rule test one and add that registry's realm to its tokenRealms", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_realm_of_somebody_else_is_not_asked()
    {
        await using var stranger = await TestServer.StartAsync(context => context.Response.WriteAsync("""{"token":"t"}"""));
        registry.Realm = $"{stranger.Url}token";
        using var client = TestClients.Client(TestClients.Rule(vanity.Url) with { Credential = TestClients.FromEnvironment });

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.Contains("tokenRealms of rule test", result.Reason, StringComparison.Ordinal);
        Assert.Empty(stranger.Requests);
    }

    [Fact]
    public async Task What_it_does_not_have_is_absent()
    {
        registry.Answer = context =>
        {
            context.Response.StatusCode = 404;
            return context.Response.WriteAsync("""{"errors":[{"code":"MANIFEST_UNKNOWN"}]}""");
        };
        using var client = TestClients.Client(vanity.Url);

        Assert.Equal(UpstreamOutcome.NotFound, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = 403;
        return context.Response.WriteAsync("""{"errors":[{"code":"DENIED","message":"denied"}]}""");
    }
}
