using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

/// <summary>A page that makes its own name lead to 127.0.0.1 must not read what a server there gives away.</summary>
public sealed class LoopbackNamesTests
{
    private static readonly string[] Everything = ["/v2/", "/v2/_catalog", "/v2/up/a/manifests/latest", "/", "/-/", "/-/rules", "/metrics", "/healthz", "/nothing"];

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:5000")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("localhost.evil.example")]
    [InlineData("10.0.0.1")]
    [InlineData("0.0.0.0")]
    public async Task A_strangers_name_gets_nothing(string host)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a", TestImages.OnePlatform(), "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        foreach (var path in Everything)
        {
            using var response = await AskAsync(millpond, millpond.Address, path, host);
            Assert.Equal((path, HttpStatusCode.MisdirectedRequest), (path, response.StatusCode));
            Assert.DoesNotContain("evil", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        upstream.AssertNoRequests();
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LocalHost:1234")]
    [InlineData("localhost.")]
    [InlineData("quay.localhost:5000")]
    [InlineData("127.0.0.1")]
    [InlineData("127.1.2.3:5000")]
    [InlineData("[::1]:5000")]
    [InlineData("cache.corp.example")]
    [InlineData("CACHE.corp.example:443")]
    [InlineData("up.corp.example")]
    public async Task Its_own_names_are_answered(string host)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { Hosts = ["up.corp.example"] }],
            new() { Configure = configuration => configuration with { PublicUrl = new("https://cache.corp.example"), OperationsListen = [new("http://127.0.0.1:0")] } });
        using var registry = await AskAsync(millpond, millpond.Address, "/v2/", host);
        using var operations = await AskAsync(millpond, millpond.Server.OperationsAddresses[0], "/healthz", host);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (registry.StatusCode, operations.StatusCode));
    }

    [Fact]
    public async Task A_listener_that_others_reach_is_called_what_they_like()
    {
        await using var millpond = await MillpondHost.StartAsync([], new() { Configure = configuration => configuration with { Listen = [new("http://0.0.0.0:0")] } });
        using var response = await AskAsync(millpond, new($"http://127.0.0.1:{millpond.Address.Port}"), "/v2/", "any.example");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task No_answer_is_sniffed()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "latest");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        string[] all = [.. Everything, "/v2/up/a/manifests/absent", "/v2/up/a/tags/list", .. image.Blobs.Select(blob => $"/v2/up/a/blobs/{blob.Digest}"), "/v2/UP/a/manifests/x"];
        foreach (var path in all)
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head, HttpMethod.Put })
            {
                using var response = await millpond.Client.SendAsync(new HttpRequestMessage(method, new Uri(millpond.Address, path)));
                Assert.True(response.Headers.TryGetValues("X-Content-Type-Options", out var values) && values.Single() == "nosniff", $"{method} {path}");
            }
        }
    }

    private static Task<HttpResponseMessage> AskAsync(MillpondHost millpond, Uri listener, string path, string host)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(listener, path));
        request.Headers.Host = host;
        return millpond.Client.SendAsync(request);
    }
}
