using Microsoft.AspNetCore.Http;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class TagsTests
{
    [Theory]
    [InlineData("</v2/team/app/tags/list?last=v2.0&n=1000>; rel=\"next\"", "v2.0")]
    [InlineData("<https://elsewhere.test/v2/team/app/tags/list?n=1000&last=v2.0>; rel=next", "v2.0")]
    [InlineData("<tags/list?last=v2%2E0>;title=\"a, b\"; rel=\"last next\"", "v2.0")]
    [InlineData("</first>; rel=\"first\", </v2/team/app/tags/list?last=v2.0>; rel=\"next\"", "v2.0")]
    [InlineData("</v2/team/app/tags/list?last=v2.0>; rel=\"prev\"", null)]
    [InlineData("</v2/team/app/tags/list>; rel=\"next\"", null)]
    [InlineData("</v2/team/app/tags/list?last=v2.0; rel=\"next\"", null)]
    [InlineData("</v2/team/app/tags/list?last=v1>; rel=\"next\"", null)]
    [InlineData("</v2/team/app/tags/list?n=50&next_page=gAAA%3D>; rel=\"next\"", "?n=50&next_page=gAAA%3D")]
    [InlineData("nonsense", null)]
    [InlineData(null, null)]
    public async Task A_page_says_how_it_goes_on(string? link, string? expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.Link = link;
            return context.Response.WriteAsync("""{"name":"team/app","tags":["v1.1","v2.0"]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.ListTagsAsync(TestClients.Repository, "v1", CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal(["v1.1", "v2.0"], result.Value.Tags);
        Assert.Equal(expected, result.Value.Last);
        Assert.Equal("/v2/team/app/tags/list?n=1000&last=v1", Assert.Single(registry.Requests).Target);
    }

    [Fact]
    public async Task Where_the_upstream_pages_by_something_else_its_query_is_sent_back()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.Link = context.Request.Query.ContainsKey("next_page") ? null : "</v2/team/app/tags/list?n=2&next_page=abc%3D>; rel=\"next\"";
            return context.Response.WriteAsync("""{"tags":["a"]}""");
        });
        using var client = TestClients.Client(registry.Url);

        var first = await client.ListTagsAsync(TestClients.Repository, null, CancellationToken.None);
        var second = await client.ListTagsAsync(TestClients.Repository, first.Value!.Last, CancellationToken.None);

        Assert.Null(second.Value!.Last);
        Assert.Equal(["/v2/team/app/tags/list?n=1000", "/v2/team/app/tags/list?n=2&next_page=abc%3D"], registry.Requests.Select(request => request.Target));
    }

    [Theory]
    [InlineData("""{"tags":null}""", "")]
    [InlineData("""{"name":"team/app"}""", "")]
    [InlineData("""{"tags":["ok","\ud800","\u006fk2"],"\udfff":1}""", "ok ok2")]
    [InlineData("""{"tags":[]}""", "")]
    [InlineData("""{"tags":["ok",7,null,"../x","","also-ok"]}""", "ok also-ok")]
    public async Task What_is_no_tag_is_left_out(string body, string expected)
    {
        await using var registry = await TestServer.StartAsync(context => context.Response.WriteAsync(body));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, string.Join(' ', (await client.ListTagsAsync(TestClients.Repository, null, CancellationToken.None)).Value!.Tags));
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("""{"tags":{}}""")]
    [InlineData("{}")]
    [InlineData("""{"status":"starting"}""")]
    [InlineData("""{"name":"team/app","errors":[{"code":"UNKNOWN"}]}""")]
    [InlineData("""{"errors":[],"tags":[]}""")]
    public async Task What_is_no_list_is_a_bad_answer(string body)
    {
        await using var registry = await TestServer.StartAsync(context => context.Response.WriteAsync(body));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ListTagsAsync(TestClients.Repository, null, CancellationToken.None)).Outcome);
    }
}
