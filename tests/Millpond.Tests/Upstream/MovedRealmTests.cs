using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

/// <summary>A challenge that was remembered may be the wrong one by now: where it fails, the registry is asked bare, once.</summary>
public sealed class MovedRealmTests
{
    private static readonly RepositoryName Other = RepositoryName.Parse("team/other");

    [Theory]
    [InlineData(404)]
    [InlineData(401)]
    [InlineData(500)]
    [InlineData(0)]
    public async Task A_token_service_that_has_moved_is_found_at_once(int oldStatus)
    {
        await using var registry = await TokenRegistry.StartAsync();
        var isGone = false;
        var before = await TestServer.StartAsync(context => isGone ? StatusAsync(context, oldStatus) : GiveToken("old")(context));
        await using var after = await TestServer.StartAsync(GiveToken("new"));
        registry.Realm = $"{before.Url}token";
        var rule = registry.Rule with { TokenRealms = [before.Url, after.Url] };
        using var client = TestClients.Client(rule);
        Assert.Equal(UpstreamOutcome.Found, await HeadAsync(client, "first"));

        registry.Realm = $"{after.Url}token";
        registry.Accepted = "new";
        isGone = true;
        if (oldStatus == 0)
        {
            await before.DisposeAsync();
        }

        // Another repository, for which there is no token yet.
        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(Other, "latest", CancellationToken.None)).Outcome);
        Assert.Single(after.Requests);
        await before.DisposeAsync();
    }

    [Fact]
    public async Task A_token_service_that_is_down_is_not_asked_twice_for_one_request()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule);
        Assert.Equal(UpstreamOutcome.Found, await HeadAsync(client, "first"));
        registry.TokenAnswer = context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        };

        var result = await client.HeadManifestAsync(Other, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.ServerError, result.Outcome);
        Assert.Equal(2, registry.TokenRequests.Count());
    }

    [Fact]
    public async Task A_registry_that_has_become_open_is_pulled_from_without_a_token()
    {
        var isOpen = false;
        await using var registry = await TestServer.StartAsync(context =>
        {
            if (context.Request.Path == "/token")
            {
                context.Response.StatusCode = isOpen ? 404 : 200;
                return context.Response.WriteAsync("""{"token":"t"}""");
            }

            context.Response.StatusCode = isOpen || context.Request.Headers.Authorization.Count > 0 ? 200 : 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{context.Request.Scheme}://{context.Request.Host}/token\"";
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);
        Assert.Equal(UpstreamOutcome.Found, await HeadAsync(client, "first"));

        isOpen = true;
        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(Other, "latest", CancellationToken.None)).Outcome);
    }

    private static async Task<UpstreamOutcome> HeadAsync(UpstreamClient client, string tag) =>
        (await client.HeadManifestAsync(TestClients.Repository, tag, CancellationToken.None)).Outcome;

    private static RequestDelegate GiveToken(string token) => context => context.Response.WriteAsync($$"""{"token":"{{token}}","expires_in":300}""");

    private static Task StatusAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
