using System.Net;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

/// <summary>Who may push and delete while there are no access rules.</summary>
public sealed class AccessGateTests
{
    private static readonly Digest Digest = Digest.Sha256("x"u8);

    public static TheoryData<string, string> Strangers => new()
    {
        { "X-Forwarded-For", "192.0.2.1" }, { "X-Forwarded-Host", "a.example" }, { "X-Forwarded-Proto", "https" }, { "Forwarded", "for=192.0.2.1" }, { "Via", "1.1 a" },
        { "X-Real-IP", "192.0.2.1" }, { "Origin", "https://evil.example" }, { "Origin", "null" }, { "Origin", "http://localhost:3000" }, { "Sec-Fetch-Site", "cross-site" },
        { "Sec-Fetch-Site", "same-site" },
    };

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task A_page_of_another_site_and_who_comes_through_a_proxy_may_neither_push_nor_delete(string name, string value)
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        await client.PushAsync(TestImages.OnePlatform(), "1");
        await AssertDeniedAsync(client, name, value);
        await millpond.PullAsync("app", TestImages.OnePlatform(), "1");
    }

    [Fact]
    public async Task The_servers_own_page_and_clients_without_a_browser_may()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        foreach (var header in new[] { ("Origin", millpond.Address.GetLeftPart(UriPartial.Authority)), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "none") })
        {
            using var response = await client.SendAsync(HttpMethod.Post, "/v2/app/blobs/uploads/", headers: header);
            Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        }
    }

    [Theory]
    [InlineData("publicUrl")]
    [InlineData("trustedProxies")]
    [InlineData("listen")]
    public async Task Where_others_may_reach_the_server_nobody_may(string what)
    {
        await using var millpond = await PushHost.StartAsync(configure: configuration => what switch
        {
            "publicUrl" => configuration with { PublicUrl = new("https://cache.example") },
            "trustedProxies" => configuration with { TrustedProxies = [IPNetwork.Parse("10.0.0.0/8")] },
            _ => configuration with { Listen = [new("http://0.0.0.0:0")] },
        });
        await AssertDeniedAsync(new PushClient(millpond, "app"), "Accept", "*/*", $"http://127.0.0.1:{millpond.Address.Port}");
    }

    private static async Task AssertDeniedAsync(PushClient client, string name, string value, string root = "")
    {
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Post, "blobs/uploads/"), (HttpMethod.Put, "manifests/1"), (HttpMethod.Patch, "blobs/uploads/00000000000000000000000000000000"),
            (HttpMethod.Delete, "manifests/1"), (HttpMethod.Delete, $"blobs/{Digest}"), (HttpMethod.Get, "blobs/uploads/00000000000000000000000000000000"),
        })
        {
            using var response = await client.SendAsync(method, $"{root}/v2/app/{path}", headers: (name, value));
            Assert.Equal((HttpStatusCode.Forbidden, "DENIED"), (response.StatusCode, await PushClient.CodeAsync(response)));
        }
    }
}
