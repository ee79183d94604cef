using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class OutcomeTests
{
    [Theory]
    [InlineData(404, "", UpstreamOutcome.BadAnswer)]
    [InlineData(404, "MANIFEST_UNKNOWN", UpstreamOutcome.NotFound)]
    [InlineData(404, "not_found", UpstreamOutcome.BadAnswer)]
    [InlineData(400, "MANIFEST_UNKNOWN", UpstreamOutcome.NotFound)]
    [InlineData(400, "NAME_INVALID", UpstreamOutcome.BadAnswer)]
    [InlineData(400, "TOOMANYREQUESTS", UpstreamOutcome.Throttled)]
    [InlineData(401, "", UpstreamOutcome.BadAnswer)]
    [InlineData(401, "UNAUTHORIZED", UpstreamOutcome.Refused)]
    [InlineData(403, "", UpstreamOutcome.BadAnswer)]
    [InlineData(403, "DENIED", UpstreamOutcome.Refused)]
    [InlineData(410, "", UpstreamOutcome.BadAnswer)]
    [InlineData(429, "", UpstreamOutcome.Throttled)]
    [InlineData(451, "", UpstreamOutcome.BadAnswer)]
    [InlineData(500, "", UpstreamOutcome.ServerError)]
    [InlineData(502, "MANIFEST_UNKNOWN", UpstreamOutcome.ServerError)]
    [InlineData(503, "", UpstreamOutcome.ServerError)]
    [InlineData(599, "", UpstreamOutcome.ServerError)]
    [InlineData(304, "", UpstreamOutcome.BadAnswer)]
    public async Task Each_status_has_its_outcome(int status, string code, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            return status == 304 ? Task.CompletedTask : context.Response.WriteAsync(code.Length == 0 ? "" : $$"""{"errors":[{"code":"{{code}}"}]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(expected, result.Outcome);
        Assert.False(result.IsFound);
        Assert.StartsWith($"upstream.test answered {status}", result.Reason, StringComparison.Ordinal);
        Assert.Single(registry.Requests, request => request.Target != "/v2/");
    }

    [Fact]
    public async Task What_the_registry_says_is_quoted_on_one_short_line()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 404;
            return context.Response.WriteAsync($$"""{"errors":[{"code":"MANIFEST_UNKNOWN","message":"first\r\nsecond {{new string('x', 500)}}"}]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.StartsWith("upstream.test answered 404 (MANIFEST_UNKNOWN: first  second xxx", result.Reason, StringComparison.Ordinal);
        Assert.True(result.Reason.Length < 260);
    }

    [Theory]
    [InlineData("errors")]
    [InlineData("[]")]
    [InlineData("""{"errors":{}}""")]
    [InlineData("""{"errors":[]}""")]
    [InlineData("""{"errors":["x"]}""")]
    [InlineData("""{"errors":[{"code":1}]}""")]
    [InlineData("""{"errors":[{"\ud800":"x"}]}""")]
    public async Task An_error_body_that_makes_no_sense_is_left_out(string body)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 404;
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            return context.Response.WriteAsync(body);
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal("upstream.test answered 404", (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Reason);
    }

    [Theory]
    [InlineData("120", 120)]
    [InlineData("0", 0)]
    [InlineData("Wed, 01 Jan 2025 00:02:00 GMT", 120)]
    [InlineData("Tue, 31 Dec 2024 23:00:00 GMT", 0)]
    [InlineData("99999999999999999999", 86400)]
    [InlineData("Fri, 01 Jan 2100 00:00:00 GMT", 86400)]
    [InlineData("Wednesday, 01-Jan-25 00:02:00 GMT", 120)]
    [InlineData("Wed Jan  1 00:02:00 2025", 120)]
    [InlineData("2025-01-01T00:02:00Z", 120)]
    [InlineData("2025-01-01T01:02:00+01:00", 120)]
    [InlineData("1735689720", 120)]
    [InlineData("1735689720000", 120)]
    [InlineData("1735600000", 0)]
    [InlineData("999999999", 86400)]
    [InlineData("", null)]
    [InlineData("120s", null)]
    [InlineData("1e9", null)]
    [InlineData("Wed, 99 Jan 2025 00:02:00 GMT", null)]
    [InlineData("12:00", null)]
    [InlineData("soon", null)]
    [InlineData("-5", null)]
    [InlineData(null, null)]
    public async Task Retry_after_is_seconds_or_a_date(string? header, int? seconds)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = header;
            return Task.CompletedTask;
        });
        var time = new FakeTimeProvider(new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var client = TestClients.Client(TestClients.Rule(registry.Url), time);

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Throttled, result.Outcome);
        Assert.Equal(seconds is { } value ? TimeSpan.FromSeconds(value) : null, result.RetryAfter);
    }

    [Theory]
    [InlineData("100;w=21600", "76;w=21600", 100, 76, 21600)]
    [InlineData("100;w=21600", "0", 100, 0, 21600)]
    [InlineData("100 ; w=60", "5 ;w=60", 100, 5, 60)]
    [InlineData("100", "76", null, null, null)]
    [InlineData("100;w=21600", null, null, null, null)]
    [InlineData("many;w=60", "76;w=60", null, null, null)]
    [InlineData("100;w=0", "76;w=-1", null, null, null)]
    public async Task Rate_limits_are_read_on_every_answer(string? limit, string? remaining, int? expectedLimit, int? expectedRemaining, int? window)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["ratelimit-limit"] = limit;
            context.Response.Headers["ratelimit-remaining"] = remaining;
            context.Response.StatusCode = context.Request.Path.Value!.EndsWith("absent", StringComparison.Ordinal) ? 404 : 200;
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);
        var expected = expectedLimit is { } number ? new RateLimit(number, expectedRemaining!.Value, TimeSpan.FromSeconds(window!.Value)) : null;

        Assert.Equal(expected, (await client.HeadManifestAsync(TestClients.Repository, "there", CancellationToken.None)).RateLimit);
        Assert.Equal(expected, (await client.HeadManifestAsync(TestClients.Repository, "absent", CancellationToken.None)).RateLimit);
    }

    [Theory]
    [InlineData(200, UpstreamOutcome.Found)]
    [InlineData(307, UpstreamOutcome.Found)]
    [InlineData(401, UpstreamOutcome.Found)]
    [InlineData(404, UpstreamOutcome.Found)]
    [InlineData(429, UpstreamOutcome.Found)]
    [InlineData(500, UpstreamOutcome.ServerError)]
    [InlineData(503, UpstreamOutcome.ServerError)]
    public async Task A_ping_is_answered_by_anything_below_500(int status, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "http://192.0.2.1/";
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{context.Request.Scheme}://{context.Request.Host}/token\"";
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.PingAsync(CancellationToken.None)).Outcome);
        Assert.Equal("/v2/", Assert.Single(registry.Requests).Target);
    }

    [Fact]
    public async Task A_reference_that_is_none_is_never_sent()
    {
        await using var registry = await TestServer.StartAsync(_ => Task.CompletedTask);
        using var client = TestClients.Client(registry.Url);

        await Assert.ThrowsAsync<ArgumentException>(() => client.GetManifestAsync(TestClients.Repository, "../../../admin", CancellationToken.None));
        Assert.Empty(registry.Requests);
    }
}
