using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>The fake upstream is held to the distribution spec, or every other test rests on sand.</summary>
public sealed class FakeUpstreamTests
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    [Fact]
    public async Task A_manifest_comes_by_tag_and_by_digest_with_all_its_headers()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("prometheus/node", image, "v1");

        foreach (var reference in new[] { "v1", image.Digest.ToString() })
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
            {
                using var response = await Http.SendAsync(Manifest(upstream, method, "prometheus/node", reference));
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(TestImages.OciManifest, response.Content.Headers.ContentType!.MediaType);
                Assert.Equal(image.Manifest.Content.Length, response.Content.Headers.ContentLength);
                Assert.Equal(image.Digest.ToString(), response.Headers.GetValues("Docker-Content-Digest").Single());
                Assert.Equal(method == HttpMethod.Get ? image.Manifest.Content : [], await response.Content.ReadAsByteArrayAsync());
            }
        }

        upstream.AssertRequests(4, RequestKind.Manifest);
    }

    [Theory]
    [InlineData("prometheus/node", "v2", "MANIFEST_UNKNOWN")]
    [InlineData("nobody/nothing", "v1", "NAME_UNKNOWN")]
    public async Task An_absent_manifest_is_a_404_with_its_code(string repository, string reference, string code)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("prometheus/node", TestImages.OnePlatform(), "v1");

        using var response = await Http.SendAsync(Manifest(upstream, HttpMethod.Get, repository, reference));
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(code, (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["errors"]![0]!["code"]);
    }

    [Fact]
    public async Task An_index_is_refused_to_a_client_that_does_not_accept_it()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a", TestImages.TwoPlatforms(), "v1");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(upstream.Address, "/v2/a/manifests/v1"));
        request.Headers.Add("Accept", TestImages.OciManifest);

        using var response = await Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Theory]
    [InlineData(null, 200, 0, 1000, null)]
    [InlineData("bytes=0-0", 206, 0, 1, "bytes 0-0/1000")]
    [InlineData("bytes=100-199", 206, 100, 100, "bytes 100-199/1000")]
    [InlineData("bytes=990-", 206, 990, 10, "bytes 990-999/1000")]
    [InlineData("bytes=-5", 206, 995, 5, "bytes 995-999/1000")]
    [InlineData("bytes=1000-", 416, 0, 0, "bytes */1000")]
    public async Task A_blob_comes_whole_or_by_range(string? range, int status, int start, int count, string? contentRange)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var blob = TestBlob.Generated(1, 1000);
        upstream.AddBlob("a", blob);

        using var response = await GetBlobAsync(upstream, "a", blob.Digest, range);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(contentRange, response.Content.Headers.ContentRange?.ToString());
        Assert.Equal(blob.ToArray()[start..(start + count)], await response.Content.ReadAsByteArrayAsync());
        await upstream.WhenIdle();
        Assert.Equal(count, upstream.BytesSentOf(blob.Digest));
    }

    [Fact]
    public void A_generated_blob_is_the_same_from_every_offset()
    {
        var blob = TestBlob.Generated(7, 300_000);
        var whole = blob.ToArray();
        Assert.Equal(Digest.Sha256(whole), blob.Digest);
        foreach (var offset in new[] { 1, 65_535, 65_539, 131_072, 299_990 })
        {
            var part = new byte[Math.Min(70_000, whole.Length - offset)];
            blob.Read(offset, part);
            Assert.Equal(whole[offset..(offset + part.Length)], part);
        }

        Assert.NotEqual(blob.Digest, TestBlob.Generated(8, 300_000).Digest);
    }

    [Fact]
    public async Task Tags_come_in_pages_in_order()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("a/b", TestImages.OnePlatform(), "v3", "v1", "v2");

        using var first = await Http.GetAsync(new Uri(upstream.Address, "/v2/a/b/tags/list?n=2"));
        Assert.Equal("""{"name":"a/b","tags":["v1","v2"]}""", await first.Content.ReadAsStringAsync());
        Assert.Equal("</v2/a/b/tags/list?last=v2&n=2>; rel=\"next\"", first.Headers.GetValues("Link").Single());
        using var second = await Http.GetAsync(new Uri(upstream.Address, "/v2/a/b/tags/list?last=v2&n=2"));
        Assert.Equal("""{"name":"a/b","tags":["v3"]}""", await second.Content.ReadAsStringAsync());
        Assert.False(second.Headers.Contains("Link"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Referrers_are_told_by_the_api_or_by_the_fallback_tag(bool api)
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { ReferrersApi = api });
        var image = TestImages.OnePlatform();
        upstream.Add("a", image, "v1");
        var first = TestImages.Artifact("application/spdx+json", image.Manifest, "one");
        var second = TestImages.Artifact("application/vnd.other", image.Manifest, "two");
        upstream.Add("a", first);
        upstream.Add("a", second);

        using var response = await Http.GetAsync(new Uri(upstream.Address, $"/v2/a/referrers/{image.Digest}?artifactType=application/spdx%2Bjson"));
        using var fallback = await Http.SendAsync(Manifest(upstream, HttpMethod.Get, "a", $"sha256-{image.Digest.Hex}"));
        Assert.Equal(api ? HttpStatusCode.OK : HttpStatusCode.NotFound, response.StatusCode);
        Assert.Equal(api ? HttpStatusCode.NotFound : HttpStatusCode.OK, fallback.StatusCode);
        var index = await (api ? response : fallback).Content.ReadFromJsonAsync<JsonObject>();
        string[] expected = api ? [first.Digest.ToString()] : [first.Digest.ToString(), second.Digest.ToString()];
        Assert.Equal(expected.Order(StringComparer.Ordinal), index!["manifests"]!.AsArray().Select(entry => (string)entry!["digest"]!));
    }

    [Fact]
    public async Task A_token_opens_what_it_was_given_for_until_it_expires()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync(
            new() { Authentication = UpstreamAuthentication.Bearer, TokenServiceElsewhere = true, Time = time });
        upstream.Add("open", TestImages.OnePlatform(), "v1");
        upstream.Add("team/secret", TestImages.OnePlatform(2), "v1");
        upstream.MakePrivate("team/secret");

        using var challenged = await Http.SendAsync(Manifest(upstream, HttpMethod.Get, "open", "v1"));
        Assert.Equal(HttpStatusCode.Unauthorized, challenged.StatusCode);
        Assert.Equal(
            $"Bearer realm=\"{upstream.TokenService}token\",service=\"fake.registry\",scope=\"repository:open:pull\"",
            challenged.Headers.WwwAuthenticate.ToString());
        Assert.NotEqual(upstream.Address, upstream.TokenService);

        var anonymous = await TokenAsync(upstream, ["open", "team/secret"], credential: null);
        var known = await TokenAsync(upstream, ["team/secret"], "alice:secret-of-alice");
        Assert.Null(await TokenAsync(upstream, ["open"], "alice:wrong"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(upstream, "open", anonymous));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(upstream, "team/secret", anonymous));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(upstream, "team/secret", known));
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(upstream, "team/secret", known));
        upstream.AssertRequests(3, RequestKind.Token);
    }

    [Fact]
    public async Task Basic_wants_the_password_everywhere()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { Authentication = UpstreamAuthentication.Basic });
        using var refused = await Http.GetAsync(new Uri(upstream.Address, "/v2/"));
        Assert.Equal("Basic realm=\"fake\"", refused.Headers.WwwAuthenticate.ToString());
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(upstream.Address, "/v2/"));
        request.Headers.Authorization = Basic("alice:secret-of-alice");
        using var admitted = await Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, admitted.StatusCode);
        Assert.Equal([null, "Basic"], upstream.Requests().Select(seen => seen.AuthorizationScheme));
    }

    [Fact]
    public async Task Blobs_are_redirected_to_a_signed_url_that_expires()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync(new() { RedirectBlobs = true, Time = time });
        var blob = TestBlob.Generated(1, 100);
        upstream.AddBlob("a", blob);

        using var redirect = await GetBlobAsync(upstream, "a", blob.Digest, null);
        Assert.Equal(HttpStatusCode.TemporaryRedirect, redirect.StatusCode);
        var target = redirect.Headers.Location!;
        Assert.Equal(upstream.BlobHost.Port, target.Port);
        Assert.Equal(blob.ToArray(), await Http.GetByteArrayAsync(target));
        using var authorised = new HttpRequestMessage(HttpMethod.Get, target);
        authorised.Headers.Authorization = Basic("alice:secret");
        Assert.Equal(HttpStatusCode.BadRequest, (await Http.SendAsync(authorised)).StatusCode);
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(HttpStatusCode.Forbidden, (await Http.GetAsync(target)).StatusCode);
        Assert.Equal(100, upstream.Requests(RequestKind.BlobHost)[0].BytesSent);
    }

    [Fact]
    public async Task The_rate_limit_counts_gets_and_not_heads()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync(new() { RateLimit = 2, Time = time });
        upstream.Add("library/nginx", TestImages.OnePlatform(), "1");

        foreach (var (method, remaining) in new[] { (HttpMethod.Head, "2;w=21600"), (HttpMethod.Get, "1;w=21600"), (HttpMethod.Get, "0;w=21600"), (HttpMethod.Head, "0;w=21600") })
        {
            using var response = await Http.SendAsync(Manifest(upstream, method, "library/nginx", "1"));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal("2;w=21600", response.Headers.GetValues("ratelimit-limit").Single());
            Assert.Equal(remaining, response.Headers.GetValues("ratelimit-remaining").Single());
        }

        time.Advance(TimeSpan.FromHours(1));
        using var refused = await Http.SendAsync(Manifest(upstream, HttpMethod.Get, "library/nginx", "1"));
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(TimeSpan.FromHours(5), refused.Headers.RetryAfter!.Delta);
        time.Advance(TimeSpan.FromHours(5));
        using var admitted = await Http.SendAsync(Manifest(upstream, HttpMethod.Get, "library/nginx", "1"));
        Assert.Equal(HttpStatusCode.OK, admitted.StatusCode);
    }

    [Fact]
    public async Task An_upstream_that_went_down_breaks_connections_and_can_come_back()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.GoDown();

        // A connection that is reset as soon as it was accepted may also surface as the socket's own exception.
        var broken = await Assert.ThrowsAnyAsync<Exception>(() => Http.GetAsync(new Uri(upstream.Address, "/v2/")));
        Assert.True(broken is HttpRequestException or SocketException, broken.ToString());
        upstream.AssertNoRequests();
        upstream.ComeBack();
        Assert.Equal("{}", await Http.GetStringAsync(new Uri(upstream.Address, "/v2/")));
        await Assert.ThrowsAsync<HttpRequestException>(() => Http.GetAsync(FakeUpstream.RefusedAddress));
    }

    [Fact]
    public async Task Only_who_knows_the_authority_has_tls()
    {
        using var certificates = new TestCertificates();
        await using var upstream = await FakeUpstream.StartAsync(new() { Tls = certificates });
        await Assert.ThrowsAsync<HttpRequestException>(() => Http.GetAsync(new Uri(upstream.Address, "/v2/")));
        using var trusting = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.Issuer == "CN=A test's authority" },
        });
        Assert.Equal("{}", await trusting.GetStringAsync(new Uri(upstream.Address, "/v2/")));
    }

    internal static HttpRequestMessage Manifest(FakeUpstream upstream, HttpMethod method, string repository, string reference)
    {
        var request = new HttpRequestMessage(method, new Uri(upstream.Address, $"/v2/{repository}/manifests/{reference}"));
        request.Headers.Add("Accept", "*/*");
        return request;
    }

    internal static Task<HttpResponseMessage> GetBlobAsync(FakeUpstream upstream, string repository, Digest digest, string? range)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(upstream.Address, $"/v2/{repository}/blobs/{digest}"));
        request.Headers.Range = range is null ? null : RangeHeaderValue.Parse(range);
        return Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static AuthenticationHeaderValue Basic(string credential) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credential)));

    private static async Task<string?> TokenAsync(FakeUpstream upstream, string[] repositories, string? credential)
    {
        var scopes = string.Concat(repositories.Select(repository => $"&scope=repository:{repository}:pull"));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(upstream.TokenService, $"/token?service=fake.registry{scopes}"));
        request.Headers.Authorization = credential is null ? null : Basic(credential);
        using var response = await Http.SendAsync(request);
        return (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["token"];
    }

    private static async Task<HttpStatusCode> StatusAsync(FakeUpstream upstream, string repository, string? token)
    {
        using var request = Manifest(upstream, HttpMethod.Get, repository, "v1");
        request.Headers.Authorization = new("Bearer", token);
        using var response = await Http.SendAsync(request);
        return response.StatusCode;
    }
}
