using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

public sealed class ManifestEndpointTests : IAsyncLifetime
{
    private readonly FakeTimeProvider time = new(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TestImage image = TestImages.OnePlatform();
    private FakeUpstream upstream = null!;
    private MillpondHost millpond = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync(new() { Time = time });
        upstream.Add("team/app", image, "latest");
        millpond = await MillpondHost.StartAsync(upstream, new() { Time = time });
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_miss_and_a_hit_differ_in_one_header_only()
    {
        using var miss = await millpond.ManifestAsync("up/team/app", "latest");
        using var hit = await millpond.ManifestAsync("up/team/app", "latest");
        var (first, second) = (Describe(miss), Describe(hit));
        Assert.Equal(("miss", "hit"), (first["Millpond-Cache"], second["Millpond-Cache"]));
        second["Millpond-Cache"] = "miss";
        Assert.Equal(first, second);
        Assert.Equal(await miss.Content.ReadAsByteArrayAsync(), await hit.Content.ReadAsByteArrayAsync());
    }

    /// <summary>What an upstream calls a page of HTML would be run by a browser as this server's.</summary>
    [Theory]
    [InlineData("text/html", """{"schemaVersion":2,"x":"<script>"}""", "application/octet-stream")]
    [InlineData("application/json", """{"manifests":[]}""", "application/vnd.oci.image.index.v1+json")]
    [InlineData("application/vnd.example.new.v1+json", """{"schemaVersion":3}""", "application/vnd.example.new.v1+json")]
    public async Task The_type_that_goes_out_is_one_of_a_manifest(string type, string content, string expected)
    {
        var manifest = new TestManifest(type, System.Text.Encoding.UTF8.GetBytes(content));
        upstream.AddManifest("team/app", manifest, "strange");
        foreach (var reference in new[] { "strange", manifest.Digest.ToString(), "strange" })
        {
            using var response = await millpond.ManifestAsync("up/team/app", reference);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(expected, response.Content.Headers.ContentType?.ToString());
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        }
    }

    /// <summary>Half of a surrogate pair in a field is not worth an error: the bytes are what they are.</summary>
    [Fact]
    public async Task A_manifest_with_text_that_is_none_is_pulled_as_it_is()
    {
        var content = System.Text.Encoding.Latin1.GetBytes(
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"\ud800":"\udc00","l":"é"}}""");
        var manifest = new TestManifest("application/vnd.oci.image.index.v1+json", content);
        upstream.AddManifest("team/app", manifest, "half");

        using var response = await millpond.ManifestAsync("up/team/app", "half");

        Assert.Equal(content, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_manifest_has_all_its_headers()
    {
        using var response = await millpond.ManifestAsync("up/team/app", "latest");
        var expected = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["Cache-Control"] = "no-transform",
            ["Content-Length"] = image.Manifest.Content.Length.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["Content-Type"] = TestImages.OciManifest,
            ["Docker-Content-Digest"] = image.Digest.ToString(),
            ["Docker-Distribution-Api-Version"] = "registry/2.0",
            ["ETag"] = $"\"{image.Digest}\"",
            ["Millpond-Cache"] = "miss",
            ["X-Content-Type-Options"] = "nosniff",
        };
        Assert.Equal(expected, Describe(response));
    }

    [Theory]
    [InlineData("latest")]
    [InlineData(null)]
    public async Task HEAD_is_GET_without_the_body(string? tag)
    {
        var reference = tag ?? image.Digest.ToString();
        (await millpond.ManifestAsync("up/team/app", reference)).Dispose();
        using var get = await millpond.ManifestAsync("up/team/app", reference);
        using var head = await millpond.ManifestAsync("up/team/app", reference, HttpMethod.Head);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(Describe(get), Describe(head));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("\"DIGEST\"", HttpStatusCode.NotModified)]
    [InlineData("W/\"DIGEST\"", HttpStatusCode.NotModified)]
    [InlineData("\"other\", \"DIGEST\"", HttpStatusCode.NotModified)]
    [InlineData("*", HttpStatusCode.NotModified)]
    [InlineData("\"other\"", HttpStatusCode.OK)]
    public async Task If_None_Match_saves_the_body(string condition, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, "/v2/up/team/app/manifests/latest"));
        request.Headers.TryAddWithoutValidation("If-None-Match", condition.Replace("DIGEST", image.Digest.ToString(), StringComparison.Ordinal));
        using var response = await millpond.Client.SendAsync(request);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal($"\"{image.Digest}\"", response.Headers.ETag?.ToString());
        Assert.Equal(image.Digest.ToString(), Assert.Single(response.Headers.GetValues("Docker-Content-Digest")));
        Assert.Equal(status == HttpStatusCode.OK, (await response.Content.ReadAsByteArrayAsync()).Length > 0);
    }

    [Fact]
    public async Task A_stale_answer_says_so()
    {
        (await millpond.ManifestAsync("up/team/app", "latest")).Dispose();
        upstream.GoDown();
        time.Advance(TimeSpan.FromHours(25));
        using var response = await millpond.ManifestAsync("up/team/app", "latest");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("stale", Assert.Single(response.Headers.GetValues("Millpond-Cache")));
        Assert.Equal("110 - \"Response is Stale\"", response.Headers.Warning.ToString());
    }

    [Fact]
    public async Task No_cache_has_the_tag_checked()
    {
        (await millpond.ManifestAsync("up/team/app", "latest")).Dispose();
        using var response = await millpond.ManifestAsync("up/team/app", "latest", cacheControl: "max-age=0, no-cache");
        Assert.Equal("revalidated", Assert.Single(response.Headers.GetValues("Millpond-Cache")));
    }

    [Fact]
    public async Task Only_if_cached_asks_no_upstream()
    {
        using var response = await millpond.ManifestAsync("up/team/app", "latest", cacheControl: "only-if-cached");
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.False(response.Headers.Contains("Retry-After"));
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task An_outage_says_when_to_come_again_and_whose_it_is()
    {
        await using var lonely = await MillpondHost.StartAsync([MillpondHost.Rule("up", FakeUpstream.RefusedAddress)]);
        using var response = await lonely.ManifestAsync("up/team/app", "latest");
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.True(response.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        Assert.Contains("\"code\":\"UNAVAILABLE\"", body, StringComparison.Ordinal);
        Assert.Contains($"\"upstream\":\"{FakeUpstream.RefusedAddress.Authority}\"", body, StringComparison.Ordinal);
    }

    private static SortedDictionary<string, string> Describe(HttpResponseMessage response) => new(
        response.Headers.Concat(response.Content.Headers)
            .Where(header => header.Key != "Date")
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Value)), StringComparer.Ordinal);
}
