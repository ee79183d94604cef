using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class ReferrersTests
{
    private static readonly Digest Subject = Digest.Sha256("subject"u8);

    private static readonly string Api = $"/v2/team/app/referrers/{Subject}";

    private static readonly string Tag = $"/v2/team/app/manifests/sha256-{Subject.Hex}";

    [Fact]
    public async Task One_page_comes_as_it_is()
    {
        const string Index = """{ "schemaVersion": 2, "manifests": [ {"digest":"x"} ] }""";
        await using var registry = await TestServer.StartAsync(context => context.Response.WriteAsync(Index));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetReferrersAsync(TestClients.Repository, Subject, null, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal(Index, Encoding.UTF8.GetString(result.Value.Content.Span));
        Assert.False(result.Value.IsFallback);
        Assert.Equal(Api, Assert.Single(registry.Requests).Target);
    }

    [Fact]
    public async Task Pages_follow_each_other_and_never_lead_elsewhere()
    {
        await using var stranger = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var registry = await TestServer.StartAsync(context =>
        {
            var page = int.Parse(context.Request.Query["page"].FirstOrDefault() ?? "1");
            context.Response.Headers.Link = page < 3 ? $"<{stranger.Url}evil?page={page + 1}>; rel=\"next\"" : null;
            return context.Response.WriteAsync($$"""{"manifests":[{"digest":"d{{page}}","annotations":{"a":"é"} }]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var digests = new List<string?>();
        string? next = null;
        do
        {
            var result = await client.GetReferrersAsync(TestClients.Repository, Subject, next, CancellationToken.None);
            Assert.True(result.IsFound, result.Reason);
            digests.Add((string?)JsonNode.Parse(result.Value.Content.Span)!["manifests"]![0]!["digest"]);
            next = result.Value.Next;
        }
        while (next is not null);

        Assert.Equal(["d1", "d2", "d3"], digests);
        Assert.Equal([Api, $"{Api}?page=2", $"{Api}?page=3"], registry.Requests.Select(request => request.Target));
        Assert.Empty(stranger.Requests);
    }

    [Theory]
    [InlineData(200, "<html>", UpstreamOutcome.BadAnswer)]
    [InlineData(404, """{"errors":[{"code":"NAME_UNKNOWN"}]}""", UpstreamOutcome.NotFound)]
    public async Task A_further_page_has_no_tag_that_stands_in_for_it(int status, string body, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.StatusCode = status;
            return context.Response.WriteAsync(body);
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.GetReferrersAsync(TestClients.Repository, Subject, "?page=2", CancellationToken.None)).Outcome);
        Assert.Single(registry.Requests);
    }

    [Theory]
    [InlineData(404, """{"errors":[{"code":"NAME_UNKNOWN"}]}""")]
    [InlineData(400, "")]
    [InlineData(405, "")]
    [InlineData(501, "")]
    [InlineData(200, "<html>")]
    [InlineData(200, "{}")]
    public async Task Without_the_api_the_tag_stands_in(int status, string body)
    {
        const string Index = """{"schemaVersion":2,"manifests":[{"digest":"x"}]}""";
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == Tag ? 200 : status;
            return context.Response.WriteAsync(context.Request.Path == Tag ? Index : body);
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetReferrersAsync(TestClients.Repository, Subject, null, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.True(result.Value.IsFallback);
        Assert.Equal(Index, Encoding.UTF8.GetString(result.Value.Content.Span));
        Assert.Equal([Api, Tag], registry.Requests.Select(request => request.Target));
    }

    [Theory]
    [InlineData(404, "")]
    [InlineData(200, """{"schemaVersion":2,"layers":[]}""")]
    public async Task With_neither_there_are_none(int status, string body)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.StatusCode = context.Request.Path == Tag ? status : 404;
            return context.Response.WriteAsync(body);
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetReferrersAsync(TestClients.Repository, Subject, null, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.True(result.Value.IsFallback);
        Assert.Empty(JsonNode.Parse(result.Value.Content.Span)!["manifests"]!.AsArray());
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("{}")]
    [InlineData("""{"status":"starting"}""")]
    [InlineData("""{"errors":[{"code":"UNKNOWN"}]}""")]
    [InlineData("""{"errors":[],"manifests":[]}""")]
    public async Task What_is_no_index_is_not_taken_for_none(string body)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.StatusCode = context.Request.Path == Tag ? 404 : 200;
            return context.Response.WriteAsync(body);
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.GetReferrersAsync(TestClients.Repository, Subject, null, CancellationToken.None)).Outcome);
    }

    /// <summary>GitLab looks a tag up as a digest where it has its form, so that the tag that stands in is the subject itself.</summary>
    [Fact]
    public async Task An_index_is_no_list_of_its_own_referrers()
    {
        var index = """{"schemaVersion":2,"manifests":[{"digest":"x"}]}"""u8.ToArray();
        var subject = Digest.Sha256(index);
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            var isTag = context.Request.Path == $"/v2/team/app/manifests/sha256-{subject.Hex}";
            context.Response.StatusCode = isTag ? 200 : 404;
            return context.Response.Body.WriteAsync(isTag ? index : []).AsTask();
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetReferrersAsync(TestClients.Repository, subject, null, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Empty(JsonNode.Parse(result.Value.Content.Span)!["manifests"]!.AsArray());
    }

    [Fact]
    public async Task The_tag_of_a_sha512_subject_is_cut_as_the_specification_has_it()
    {
        var subject = Digest.Parse("sha512:" + new string('a', 128));
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        await client.GetReferrersAsync(TestClients.Repository, subject, null, CancellationToken.None);

        Assert.Equal($"/v2/team/app/manifests/sha512-{new string('a', 64)}", registry.Requests.Last().Target);
    }

    [Theory]
    [InlineData(500, UpstreamOutcome.ServerError)]
    [InlineData(429, UpstreamOutcome.Throttled)]
    [InlineData(403, UpstreamOutcome.Refused)]
    public async Task A_failure_is_not_taken_for_none(int status, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.GetReferrersAsync(TestClients.Repository, Subject, null, CancellationToken.None)).Outcome);
        Assert.Single(registry.Requests);
    }
}
