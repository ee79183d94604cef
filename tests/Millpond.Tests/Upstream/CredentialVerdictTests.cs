using Microsoft.AspNetCore.Http;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

/// <summary>Whose fault a refusal is: our credential's, or none's, because a registry does not say that an image is absent to one who may not read it.</summary>
public sealed class CredentialVerdictTests
{
    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task A_fresh_token_that_the_registry_refuses_is_not_the_credentials_fault(int status)
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.Answer = context => ErrorAsync(context, status);
        var rule = registry.Rule with { Credential = TestClients.FromEnvironment };

        var result = await AskAsync(rule);

        Assert.Equal((UpstreamOutcome.Refused, false), (result.Outcome, result.IsCredentialRefused));
        var failure = result.ToFailure(rule, PullFailureKind.ManifestUnknown);
        Assert.Equal(PullFailureKind.NameUnknown, failure.Kind);
        Assert.StartsWith("absent at upstream.test, or the credential of rule 'test' may not read it", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_service_that_refuses_the_credential_says_so()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.TokenAnswer = context => ErrorAsync(context, 401);
        var rule = registry.Rule with { Credential = TestClients.FromEnvironment };

        var result = await AskAsync(rule);

        Assert.Equal((UpstreamOutcome.Refused, true), (result.Outcome, result.IsCredentialRefused));
        Assert.Equal(PullFailureKind.CredentialRefused, result.ToFailure(rule, PullFailureKind.ManifestUnknown).Kind);
    }

    /// <summary>GitHub and GitLab answer 403 to both.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_token_service_that_forbids_is_asked_whether_it_takes_the_credential_at_all(bool takesIt)
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.TokenAnswer = context => takesIt && !context.Request.Query.ContainsKey("scope")
            ? context.Response.WriteAsync("""{"token":"for-nothing"}""")
            : ErrorAsync(context, 403);
        var rule = registry.Rule with { Credential = TestClients.FromEnvironment };

        var result = await AskAsync(rule);

        Assert.Equal((UpstreamOutcome.Refused, !takesIt), (result.Outcome, result.IsCredentialRefused));
        Assert.Equal(2, registry.TokenRequests.Count());
    }

    [Theory]
    [InlineData(401, true)]
    [InlineData(403, false)]
    public async Task Basic_is_the_credential_itself(int status, bool isCredentialRefused)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"registry\"";
            return ErrorAsync(context, context.Request.Headers.Authorization.Count == 0 ? 401 : status);
        });
        var rule = TestClients.Rule(registry.Url) with { Credential = TestClients.FromEnvironment };

        var result = await AskAsync(rule);

        Assert.Equal((UpstreamOutcome.Refused, isCredentialRefused), (result.Outcome, result.IsCredentialRefused));
    }

    [Fact]
    public async Task A_credential_that_cannot_be_read_is_at_fault()
    {
        await using var registry = await TokenRegistry.StartAsync();
        var result = await AskAsync(registry.Rule with { Credential = new CredentialSource("/nowhere/credential.json", null, null) });

        Assert.Equal((UpstreamOutcome.Refused, true), (result.Outcome, result.IsCredentialRefused));
    }

    [Fact]
    public async Task Asked_anonymously_a_refusal_is_an_absence()
    {
        await using var registry = await TokenRegistry.StartAsync();
        registry.Answer = context => ErrorAsync(context, 401);

        var result = await AskAsync(registry.Rule);

        Assert.Equal(PullFailureKind.ManifestUnknown, result.ToFailure(registry.Rule, PullFailureKind.ManifestUnknown).Kind);
    }

    private static async Task<UpstreamResult<ManifestBody>> AskAsync(PullThroughRule rule)
    {
        using var client = TestClients.Client(rule);
        return await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);
    }

    private static Task ErrorAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsync("""{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}""");
    }
}
