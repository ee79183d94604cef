using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Cache;

/// <summary>Lists of an upstream that are none, or that have no end.</summary>
public sealed class BadListTests
{
    private static readonly Digest Subject = Digest.Sha256("subject"u8);

    private static readonly string Referrer =
        $$"""{"mediaType":"{{TestImages.OciManifest}}","digest":"{{Digest.Sha256("referrer"u8)}}","size":1,"artifactType":"a/b"}""";

    [Theory]
    [InlineData("""{"errors":[{"code":"UNAVAILABLE"}]}""")]
    [InlineData("""{"status":"ok"}""")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("<html>Please log in</html>")]
    [InlineData("")]
    public async Task What_is_no_list_leaves_the_list_that_is_here(string nonsense)
    {
        var isBad = false;
        var time = new FakeTimeProvider();
        await using var upstream = await TestServer.StartAsync(context => context.Response.WriteAsync(
            isBad ? nonsense
            : context.Request.Path.Value!.EndsWith("tags/list", StringComparison.Ordinal) ? """{"tags":["v1","v2"]}"""
            : $$"""{"schemaVersion":2,"manifests":[{{Referrer}}]}"""));
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream.Url)], new() { Time = time });
        string[] paths = ["/v2/up/team/app/tags/list", $"/v2/up/team/app/referrers/{Subject}"];
        string[] before = [await TextAsync(host, paths[0], "miss"), await TextAsync(host, paths[1], "miss")];

        isBad = true;
        time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(before[0], await TextAsync(host, paths[0], "stale"));
        Assert.Equal(before[1], await TextAsync(host, paths[1], "stale"));
        foreach (var cold in new[] { "/v2/up/team/other/tags/list", $"/v2/up/team/other/referrers/{Subject}" })
        {
            using var answer = await host.Client.GetAsync(new Uri(host.Address, cold), TestContext.Current.CancellationToken);
            Assert.Equal((cold, HttpStatusCode.BadGateway), (cold, answer.StatusCode));
        }
    }

    [Fact]
    public async Task A_list_without_an_end_is_walked_once_for_all_who_force_it_and_no_further_when_the_last_has_left()
    {
        const int Parked = 5;
        var page = 0;
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var aborted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await TestServer.StartAsync(async context =>
        {
            var number = Interlocked.Increment(ref page);
            if (number == Parked)
            {
                context.RequestAborted.Register(aborted.SetResult);
                reached.SetResult();
                await aborted.Task;
                return;
            }

            context.Response.Headers.Link = $"</v2/team/app/tags/list?last=v{number:0000000}&n=1>; rel=\"next\"";
            await context.Response.WriteAsync($$"""{"tags":["v{{number:0000000}}"]}""");
        });
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream.Url)]);
        using var leaving = new CancellationTokenSource();
        var asking = Enumerable.Range(0, 20).Select(_ => AskAsync(host, leaving.Token)).ToArray();
        await reached.Task.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        await leaving.CancelAsync();
        foreach (var one in asking)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        }

        await aborted.Task.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        Assert.Equal(Parked, upstream.Requests.Count);
    }

    private static async Task<HttpResponseMessage> AskAsync(MillpondHost host, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(host.Address, "/v2/up/team/app/tags/list"));
        request.Headers.CacheControl = new() { NoCache = true };
        return await host.Client.SendAsync(request, cancellationToken);
    }

    private static async Task<string> TextAsync(MillpondHost host, string path, string status)
    {
        using var answer = await host.Client.GetAsync(new Uri(host.Address, path), TestContext.Current.CancellationToken);
        Assert.Equal((path, HttpStatusCode.OK, status), (path, answer.StatusCode, answer.CacheStatus()));
        return Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }
}
