using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Cache;

/// <summary>Upstreams that refuse a manifest's HEAD and answer its GET.</summary>
public sealed class RefusedHeadTests
{
    private static readonly TestImage Old = TestImages.OnePlatform(seed: 251);
    private static readonly TestImage New = TestImages.OnePlatform(seed: 252);

    private readonly FakeTimeProvider time = new();

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(405)]
    [InlineData(501)]
    public async Task A_moved_tag_is_seen_by_GET_and_the_refusal_is_remembered_for_an_hour(int status)
    {
        var current = Old;
        await using var upstream = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Method == "HEAD")
            {
                context.Response.StatusCode = status;
                return;
            }

            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.ContentType = current.Manifest.MediaType;
            await context.Response.Body.WriteAsync(current.Manifest.Content);
        });
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream.Url) with { OnUpstreamDelete = OnUpstreamDelete.Follow, RevalidateAfter = TimeSpan.FromMinutes(30) }],
            new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        current = New;
        time.Advance(TimeSpan.FromMinutes(30));
        using (var moved = await host.ManifestAsync("up/team/app", "1"))
        {
            Assert.Equal(New.Digest, New.Digest.Rehash(await moved.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        }

        upstream.Requests.Clear();
        time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "1"));
        Assert.Equal("GET", Assert.Single(upstream.Requests, static request => request.Target != "/v2/").Method);

        upstream.Requests.Clear();
        time.Advance(TimeSpan.FromMinutes(31));
        Assert.Equal("revalidated", await host.PullManifestAsync("up/team/app", "1"));
        Assert.Equal(["HEAD", "GET"], upstream.Requests.Where(static request => request.Target != "/v2/").Select(request => request.Method));
    }

    [Theory]
    [InlineData(400, true)]
    [InlineData(405, true)]
    [InlineData(501, true)]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    public async Task What_is_said_of_the_method_holds_for_the_upstream_and_what_is_said_of_access_for_the_repository(int status, bool holdsForAll)
    {
        await using var upstream = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Method == "HEAD")
            {
                context.Response.StatusCode = status;
                return;
            }

            context.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
            context.Response.ContentType = Old.Manifest.MediaType;
            await context.Response.Body.WriteAsync(Old.Manifest.Content);
        });
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream.Url) with { RevalidateAfter = TimeSpan.FromMinutes(10) }], new MillpondHostOptions { Time = time });
        foreach (var repository in new[] { "up/team/one", "up/team/two" })
        {
            await host.PullManifestAsync(repository, "1");
        }

        time.Advance(TimeSpan.FromMinutes(10));
        upstream.Requests.Clear();
        foreach (var repository in new[] { "up/team/one", "up/team/two" })
        {
            Assert.Equal("revalidated", await host.PullManifestAsync(repository, "1"));
        }

        string[] ofOne = ["HEAD", "GET"];
        Assert.Equal(
            [.. ofOne, .. holdsForAll ? ["GET"] : ofOne], upstream.Requests.Where(static request => request.Target != "/v2/").Select(request => request.Method));
    }
}
