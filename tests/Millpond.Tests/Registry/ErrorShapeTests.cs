using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>Every error of every layer and verb, as a client sees it.</summary>
public sealed class ErrorShapeTests(ErrorShapeTests.Servers servers) : IClassFixture<ErrorShapeTests.Servers>
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    private readonly FakeUpstream upstream = servers.Upstream;
    private readonly MillpondHost millpond = servers.Millpond;

    public static TheoryData<string, string, int, string> Errors => new()
    {
        { "GET", "/V2/", 404, "UNSUPPORTED" },
        { "POST", "/anything", 404, "UNSUPPORTED" },
        { "GET", "/-/nothing", 404, "UNSUPPORTED" },
        { "POST", "/healthz", 405, "UNSUPPORTED" },
        { "POST", "/v2/", 405, "UNSUPPORTED" },
        { "OPTIONS", "/v2/up/a/manifests/latest", 405, "UNSUPPORTED" },
        { "DELETE", "/v2/up/a/manifests/latest", 404, "MANIFEST_UNKNOWN" },
        { "DELETE", $"/v2/up/a/blobs/{Digest}", 404, "BLOB_UNKNOWN" },
        { "PUT", "/v2/_catalog", 405, "UNSUPPORTED" },
        { "BREW", "/v2/up/a/tags/list", 405, "UNSUPPORTED" },
        { "PUT", "/v2/other/a/manifests/latest", 400, "MANIFEST_INVALID" },
        { "PUT", "/v2/other/a/manifests/.INVALID", 400, "MANIFEST_INVALID" },
        { "PUT", "/v2/other/a/manifests/sha256:12", 400, "DIGEST_INVALID" },
        { "PATCH", "/v2/other/a/manifests/latest", 405, "UNSUPPORTED" },
        { "PUT", $"/v2/other/a/blobs/{Digest}", 405, "UNSUPPORTED" },
        { "POST", "/v2/other/a/tags/list", 405, "UNSUPPORTED" },
        { "GET", "/v2/other/a/blobs/uploads/", 405, "UNSUPPORTED" },
        { "GET", "/v2/other/a/blobs/uploads/1", 404, "BLOB_UPLOAD_UNKNOWN" },
        { "PATCH", "/v2/other/a/blobs/uploads/1", 404, "BLOB_UPLOAD_UNKNOWN" },
        { "PUT", $"/v2/other/a/blobs/uploads/1?digest={Digest}", 404, "BLOB_UPLOAD_UNKNOWN" },
        { "POST", "/v2/other/a/blobs/uploads/?digest=sha256:12", 400, "DIGEST_INVALID" },
        { "POST", "/v2/other/a/blobs/uploads/?mount=sha256:12", 400, "DIGEST_INVALID" },
        { "POST", $"/v2/other/a/blobs/uploads/?digest={Digest}", 400, "DIGEST_INVALID" },
        { "POST", "/v2/ghcr/a/b/blobs/uploads/", 403, "DENIED" },
        { "POST", "/v2/a/b/blobs/uploads/?ns=example.com", 403, "DENIED" },
        { "DELETE", "/v2/other/a/manifests/latest", 404, "NAME_UNKNOWN" },
        { "DELETE", $"/v2/other/a/blobs/{Digest}", 404, "NAME_UNKNOWN" },
        { "POST", "/v2/up/a/blobs/uploads/", 403, "DENIED" },
        { "PATCH", "/v2/up/a/blobs/uploads/1", 403, "DENIED" },
        { "GET", "/v2/up/a/blobs/uploads/1", 403, "DENIED" },
        { "PUT", "/v2/up/a/manifests/latest", 403, "DENIED" },
        { "GET", "/v2/up/a", 404, "UNSUPPORTED" },
        { "GET", "/v2/up/a/tags/list/", 404, "UNSUPPORTED" },
        { "GET", "/v2/Up/a/manifests/latest", 400, "NAME_INVALID" },
        { "GET", "/v2/up%2Fa/manifests/latest", 400, "NAME_INVALID" },
        { "GET", "/v2/up//a/manifests/latest", 400, "NAME_INVALID" },
        { "GET", "/v2/up/a/blobs/latest", 400, "DIGEST_INVALID" },
        { "GET", "/v2/up/a/manifests/sha256:12", 400, "DIGEST_INVALID" },
        { "GET", "/v2/up/a/manifests/.INVALID", 404, "MANIFEST_UNKNOWN" },
        { "GET", "/v2/up/a/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID" },
        { "GET", "/v2/up/a/tags/list?n=many", 400, "PAGINATION_NUMBER_INVALID" },
        { "GET", "/v2/_catalog?n=1.5", 400, "PAGINATION_NUMBER_INVALID" },
        { "GET", "/v2/none/a/manifests/latest", 404, "NAME_UNKNOWN" },
        { "GET", "/v2/upper/a/manifests/latest", 404, "NAME_UNKNOWN" },
        { "GET", "/v2/a/manifests/latest?ns=example.com", 403, "DENIED" },
        { "GET", "/v2/ghcr/a/b/manifests/latest", 403, "DENIED" },
        { "GET", $"/v2/ghcr/a/b/blobs/{Digest}", 403, "DENIED" },
        { "GET", "/v2/a/b/tags/list?ns=ghcr.io", 403, "DENIED" },
        { "GET", "/v2/up/secret/a/manifests/latest", 403, "DENIED" },
        { "GET", $"/v2/up/secret/a/blobs/{Digest}", 403, "DENIED" },
        { "GET", "/v2/up/secret/a/tags/list", 403, "DENIED" },
        { "GET", $"/v2/up/secret/a/referrers/{Digest}", 403, "DENIED" },
        { "GET", "/v2/up/a/manifests/absent", 404, "MANIFEST_UNKNOWN" },
        { "GET", $"/v2/up/a/manifests/{Digest}", 404, "MANIFEST_UNKNOWN" },
        { "GET", $"/v2/up/a/blobs/{Digest}", 404, "BLOB_UNKNOWN" },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task An_error_has_the_shape_of_the_spec(string method, string path, int status, string code)
    {
        using var response = await SendAsync(method, path);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{status} was expected, {(int)response.StatusCode} came: {body}");
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(Encoding.UTF8.GetByteCount(body), response.Content.Headers.ContentLength);
        var errors = Assert.IsType<JsonArray>(JsonNode.Parse(body)!["errors"]);
        var error = Assert.Single(errors)!;
        Assert.Equal(code, (string?)error["code"]);
        var message = (string?)error["message"];
        Assert.False(string.IsNullOrEmpty(message));
        // Most clients show these words alone of a 5xx and of a refused HEAD.
        Assert.Contains($": {message[..Math.Min(100, message.Length)]}", response.ReasonPhrase, StringComparison.Ordinal);
        Assert.Equal(path.StartsWith("/v2/", StringComparison.Ordinal), response.Headers.Contains("Docker-Distribution-Api-Version"));
        Assert.Equal(status == 405, response.Content.Headers.Contains("Allow"));
    }

    [Theory]
    [MemberData(nameof(Errors))]
    public async Task A_HEAD_has_the_same_headers_and_no_body(string method, string path, int status, string code)
    {
        if (method != "GET")
        {
            return;
        }

        using var get = await SendAsync("GET", path);
        using var head = await SendAsync("HEAD", path);
        Assert.NotEmpty(code);
        Assert.Equal(status, (int)head.StatusCode);
        Assert.Equal(Headers(get), Headers(head));
        Assert.Equal(get.ReasonPhrase, head.ReasonPhrase);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_refusal_says_whose_rule_it_is_and_what_to_do()
    {
        using var denied = await SendAsync("GET", "/v2/up/secret/a/manifests/latest");
        var detail = JsonNode.Parse(await denied.Content.ReadAsStringAsync())!["errors"]![0]!["detail"]!;
        Assert.Equal("up", (string?)detail["rule"]);
        Assert.Equal(upstream.Address.Authority, (string?)detail["upstream"]);
        Assert.Contains("'allow' or 'deny'", (string?)detail["reason"], StringComparison.Ordinal);

        using var dormant = await SendAsync("GET", "/v2/ghcr/a/b/manifests/latest");
        Assert.Contains("{prefix: ghcr, anonymous: true}", await dormant.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_that_is_refused_here_reaches_the_upstream()
    {
        upstream.ClearRequests();
        foreach (var path in new[] { "/v2/up/secret/a/manifests/x", "/v2/none/a/tags/list", "/v2/ghcr/a/b/manifests/x", "/v2/a/manifests/x?ns=example.com" })
        {
            (await SendAsync("GET", path)).Dispose();
        }

        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_foreign_credential_is_ignored()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, "/v2/"));
        request.Headers.Authorization = new("Bearer", "of-another-registry");
        using var response = await millpond.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("GET /v2/\0 HTTP/1.1\r\nHost: a\r\n\r\n", "400")]
    [InlineData("GET /v2/ HTTP/1.1\r\n\r\n", "400")]
    [InlineData("NONSENSE\r\n\r\n", "400")]
    [InlineData("GET /v2/up/%zz/manifests/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("GET /v2/up/a/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404")]
    [InlineData("GET /v2/up/..%2F..%2Fetc/tags/list HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400")]
    public async Task What_is_no_request_is_answered_all_the_same(string request, string status)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, millpond.Address.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        Assert.StartsWith($"HTTP/1.1 {status} ", await reader.ReadLineAsync().WaitAsync(Patience.Limit), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), millpond.Address + path[1..]);
        return await millpond.Client.SendAsync(request);
    }

    private static SortedDictionary<string, string> Headers(HttpResponseMessage response) => new(
        response.Headers.Concat(response.Content.Headers).Where(header => header.Key != "Date").ToDictionary(header => header.Key, header => string.Join(',', header.Value)));

    /// <summary>One server for all errors: none of them changes anything.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        private static readonly Preset Ghcr = Preset.All.Single(preset => preset.Prefix == "ghcr");

        public FakeUpstream Upstream { get; private set; } = null!;

        public MillpondHost Millpond { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Upstream = await FakeUpstream.StartAsync();
            var rule = MillpondHost.Rule("up", Upstream) with { Deny = ["secret/**"] };
            Millpond = await MillpondHost.StartAsync([rule], new() { Configure = configuration => configuration with { DormantPresets = [Ghcr] } });
        }

        public async ValueTask DisposeAsync()
        {
            await Millpond.DisposeAsync();
            await Upstream.DisposeAsync();
        }
    }
}
