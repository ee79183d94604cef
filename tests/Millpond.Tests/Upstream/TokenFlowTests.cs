using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class TokenFlowTests
{
    private static readonly string BasicOfRobot = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes("robot:s3cret"))}";

    [Fact]
    public async Task A_challenge_is_answered_with_a_token_of_our_own_scope()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule);

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Found, result.Outcome);
        var token = Assert.Single(registry.TokenRequests);
        Assert.Equal("/token?service=the%20registry&scope=repository%3Ateam%2Fapp%3Apull", token.Target);
        Assert.Null(token["Authorization"]);
    }

    [Fact]
    public async Task The_credential_goes_to_the_token_service_and_the_token_to_the_registry()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule with { Credential = TestClients.FromEnvironment });

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(BasicOfRobot, Assert.Single(registry.TokenRequests)["Authorization"]);
        Assert.EndsWith("&account=robot", Assert.Single(registry.TokenRequests).Target, StringComparison.Ordinal);
        Assert.Equal([null, "Bearer token-1"], registry.RegistryRequests.Select(request => request["Authorization"]));
    }

    [Fact]
    public async Task The_next_request_carries_the_token_unasked()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule);

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await client.HeadManifestAsync(TestClients.Repository, "other", CancellationToken.None);

        Assert.Equal([null, "Bearer token-1", "Bearer token-1"], registry.RegistryRequests.Select(request => request["Authorization"]));
    }

    [Fact]
    public async Task Another_repository_gets_a_token_of_its_own()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule);

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await client.HeadManifestAsync(Millpond.Images.RepositoryName.Parse("team/other"), "latest", CancellationToken.None);

        Assert.Equal(2, registry.TokenRequests.Count());
        Assert.Contains("team%2Fother", registry.TokenRequests.Last().Target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_is_renewed_before_it_expires_by_our_own_clock()
    {
        var time = new FakeTimeProvider();
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule, time);

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        time.Advance(TimeSpan.FromSeconds(269));
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        Assert.Single(registry.TokenRequests);

        time.Advance(TimeSpan.FromSeconds(2));
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        Assert.Equal(2, registry.TokenRequests.Count());
    }

    [Fact]
    public async Task A_jump_of_the_time_of_day_moves_no_expiry()
    {
        var time = new FakeTimeProvider();
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule, time);

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        time.AdjustTime(time.GetUtcNow().AddHours(-1));
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Single(registry.TokenRequests);
    }

    [Fact]
    public async Task A_token_that_is_refused_is_renewed_once()
    {
        await using var registry = await TokenRegistry.StartAsync();
        using var client = TestClients.Client(registry.Rule);
        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        registry.Accepted = "token-2";
        var renewed = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        Assert.Equal(UpstreamOutcome.Found, renewed.Outcome);
        Assert.Equal(2, registry.TokenRequests.Count());

        registry.Accepted = "none of ours";
        var before = registry.RegistryRequests.Count();
        var refused = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        Assert.Equal(UpstreamOutcome.Refused, refused.Outcome);
        Assert.Equal(3, registry.TokenRequests.Count());
        Assert.Equal(before + 2, registry.RegistryRequests.Count());
    }

    [Fact]
    public async Task Fifty_requests_share_one_token_request()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.HoldTokens();
        using var client = TestClients.Client(registry.Rule);

        var all = Enumerable.Range(0, 50).Select(_ => client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).ToArray();
        // Not all fifty are challenged: who comes after the first challenge may wait for the token without asking.
        await registry.TokenAsked;
        registry.ReleaseTokens();

        Assert.All(await Task.WhenAll(all), result => Assert.Equal(UpstreamOutcome.Found, result.Outcome));
        Assert.Single(registry.TokenRequests);
    }

    [Fact]
    public async Task The_shared_token_request_survives_the_one_who_caused_it()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.HoldTokens();
        using var client = TestClients.Client(registry.Rule);
        using var leaves = new CancellationTokenSource();

        var first = client.HeadManifestAsync(TestClients.Repository, "latest", leaves.Token);
        await registry.TokenAsked;
        var second = client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        registry.ReleaseTokens();

        Assert.Equal(UpstreamOutcome.Found, (await second).Outcome);
        Assert.Single(registry.TokenRequests);
    }

    [Theory]
    [InlineData("""{"access_token":"token-1"}""", UpstreamOutcome.Found)]
    [InlineData("""{"token":"","access_token":"token-1","expires_in":"soon"}""", UpstreamOutcome.Found)]
    [InlineData("""{"token":"token-1","expires_in":-5}""", UpstreamOutcome.Found)]
    [InlineData("""{"token":"two words"}""", UpstreamOutcome.BadAnswer)]
    [InlineData("""{"token":7}""", UpstreamOutcome.BadAnswer)]
    [InlineData("""{}""", UpstreamOutcome.BadAnswer)]
    [InlineData("""[]""", UpstreamOutcome.BadAnswer)]
    [InlineData("<html>", UpstreamOutcome.BadAnswer)]
    [InlineData("", UpstreamOutcome.BadAnswer)]
    public async Task A_token_answer_is_read_as_the_specification_has_it(string answer, UpstreamOutcome expected)
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.TokenAnswer = context => context.Response.WriteAsync(answer);
        using var client = TestClients.Client(registry.Rule);

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(expected, result.Outcome);
    }

    [Theory]
    [InlineData(401, UpstreamOutcome.Refused)]
    [InlineData(403, UpstreamOutcome.Refused)]
    [InlineData(404, UpstreamOutcome.BadAnswer)]
    [InlineData(302, UpstreamOutcome.BadAnswer)]
    [InlineData(429, UpstreamOutcome.Throttled)]
    [InlineData(500, UpstreamOutcome.ServerError)]
    [InlineData(503, UpstreamOutcome.ServerError)]
    public async Task A_token_service_that_fails_is_named_and_asked_again_next_time(int status, UpstreamOutcome expected)
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.TokenAnswer = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.RetryAfter = "17";
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        using var client = TestClients.Client(registry.Rule with { Credential = TestClients.FromEnvironment });

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(expected, result.Outcome);
        Assert.Contains("the token service of upstream.test", result.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", result.Reason, StringComparison.Ordinal);
        if (status is 429 or >= 500)
        {
            Assert.Equal(TimeSpan.FromSeconds(17), result.RetryAfter);
        }

        registry.TokenAnswer = null;
        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);

        // What 403 means, the service is asked once more, without a scope.
        Assert.Equal(status == 403 ? 3 : 2, registry.TokenRequests.Count());
    }

    [Fact]
    public async Task Basic_is_answered_with_the_credential_and_not_twice()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            if (context.Request.Path.Value!.Contains("good", StringComparison.Ordinal) && context.Request.Headers.Authorization == BasicOfRobot)
            {
                return Task.CompletedTask;
            }

            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"registry\"";
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Credential = TestClients.FromEnvironment });

        Assert.Equal(UpstreamOutcome.Found, (await client.HeadManifestAsync(TestClients.Repository, "good", CancellationToken.None)).Outcome);
        Assert.Equal(UpstreamOutcome.Refused, (await client.HeadManifestAsync(TestClients.Repository, "bad", CancellationToken.None)).Outcome);
        Assert.Equal([null, BasicOfRobot, BasicOfRobot], registry.Requests.Select(request => request["Authorization"]));
    }

    [Fact]
    public async Task Basic_without_a_credential_is_a_refusal()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"registry\"";
            return context.Response.WriteAsync("""{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Refused, result.Outcome);
        Assert.Equal("upstream.test answered 401 (UNAUTHORIZED: authentication required); it was asked without a credential", result.Reason);
        Assert.Single(registry.Requests);
    }

    [Fact]
    public async Task Of_several_challenges_the_token_is_preferred()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.ChallengePrefix = "Negotiate, Basic realm=\"registry\", ";
        using var client = TestClients.Client(registry.Rule with { Credential = TestClients.FromEnvironment });

        await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal([null, "Bearer token-1"], registry.RegistryRequests.Select(request => request["Authorization"]));
    }

    [Fact]
    public async Task A_secret_that_the_upstream_repeats_is_not_in_the_reason()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"registry\"";
            return context.Response.WriteAsync("""{"errors":[{"code":"UNAUTHORIZED","message":"robot may not log in with s3cret"}]}""");
        });
        using var client = TestClients.Client(TestClients.Rule(registry.Url) with { Credential = TestClients.FromEnvironment });

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Contains("robot may not log in with [redacted]", result.Reason, StringComparison.Ordinal);
    }
}
