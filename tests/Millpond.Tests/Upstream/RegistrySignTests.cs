using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

/// <summary>A 404 is an absence only where a registry says so.</summary>
public sealed class RegistrySignTests
{
    private const string ApiHeader = "Docker-Distribution-Api-Version: registry/2.0";

    private static readonly Digest Blob = Digest.Sha256("blob"u8);

    public static TheoryData<int, string, string, UpstreamOutcome> Bases { get; } = new()
    {
        { 200, "", "{}", UpstreamOutcome.NotFound },
        { 200, "", "", UpstreamOutcome.NotFound },
        { 200, ApiHeader, "<html>", UpstreamOutcome.NotFound },
        { 401, "WWW-Authenticate: Bearer realm=\"https://auth.test/token\"", "", UpstreamOutcome.NotFound },
        { 401, "", """{"errors":[{"code":"UNAUTHORIZED"}]}""", UpstreamOutcome.NotFound },
        { 404, ApiHeader, "", UpstreamOutcome.NotFound },
        { 200, "", "<html>Welcome</html>", UpstreamOutcome.BadAnswer },
        { 200, "", "[]", UpstreamOutcome.BadAnswer },
        { 302, "Location: /login", "", UpstreamOutcome.BadAnswer },
        { 401, "WWW-Authenticate: Basic realm=\"team\"", "", UpstreamOutcome.BadAnswer },
        { 403, "", "<html>", UpstreamOutcome.BadAnswer },
        { 404, "", "<html>404</html>", UpstreamOutcome.BadAnswer },
        { 404, "", """{"errors":[{"status":404}]}""", UpstreamOutcome.BadAnswer },
        { 503, "", "", UpstreamOutcome.BadAnswer },
    };

    /// <summary>Nothing else than <c>/v2/</c> has a sign, a HEAD least of all.</summary>
    [Theory]
    [MemberData(nameof(Bases))]
    public async Task A_bare_404_is_what_the_base_says(int status, string header, string body, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context => context.Request.Path == "/v2/"
            ? AnswerAsync(context, status, header, body)
            : AnswerAsync(context, 404, "", "<html>404</html>"));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Equal(expected, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Equal(expected, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Equal(expected, (await client.ListTagsAsync(TestClients.Repository, null, CancellationToken.None)).Outcome);
        Assert.Single(registry.Requests, request => request.Target == "/v2/");
    }

    [Theory]
    [InlineData(ApiHeader, "")]
    [InlineData("", """{"errors":[{"code":"MANIFEST_UNKNOWN"}]}""")]
    [InlineData("", """{"errors":[{"code":"SOME_NEW_CODE","message":"x"}]}""")]
    public async Task An_answer_with_a_sign_needs_no_other(string header, string body)
    {
        await using var registry = await TestServer.StartAsync(context => AnswerAsync(context, 404, header, body));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.NotFound, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Single(registry.Requests);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task A_refusal_without_a_sign_is_no_registrys_either(int status)
    {
        await using var registry = await TestServer.StartAsync(context => AnswerAsync(context, status, "", "<html>blocked by policy</html>"));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task The_base_is_asked_once_for_all_and_believed_for_a_minute()
    {
        var isAway = false;
        await using var registry = await TestServer.StartAsync(context => context.Request.Path == "/v2/" && !isAway
            ? AnswerAsync(context, 200, "", "{}")
            : AnswerAsync(context, 404, "", ""));
        var time = new FakeTimeProvider();
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)));
        Assert.All(outcomes, result => Assert.Equal(UpstreamOutcome.NotFound, result.Outcome));
        Assert.Single(registry.Requests, request => request.Target == "/v2/");

        isAway = true;
        time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        isAway = false;
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(UpstreamOutcome.NotFound, (await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Equal(3, registry.Requests.Count(request => request.Target == "/v2/"));
    }

    [Fact]
    public async Task What_a_blob_host_does_not_have_its_registry_has_promised()
    {
        await using var host = await TestServer.StartAsync(context => AnswerAsync(context, 404, "", "<Error><Code>NoSuchKey</Code></Error>"));
        await using var registry = await TestServer.StartAsync(context => AnswerAsync(context, 307, $"Location: {host.Url}blob", ""));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
        Assert.Single(registry.Requests);
    }

    private static Task AnswerAsync(HttpContext context, int status, string header, string body)
    {
        context.Response.StatusCode = status;
        if (header.Split(": ", 2) is [var name, var value])
        {
            context.Response.Headers[name] = value;
        }

        return context.Request.Method == "HEAD" ? Task.CompletedTask : context.Response.WriteAsync(body);
    }
}
