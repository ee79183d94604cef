using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

public sealed class BlobEndpointTests : IAsyncLifetime
{
    private readonly TestBlob layer = TestBlob.Generated(3, 3_000_000);
    private TestImage image = null!;
    private FakeUpstream upstream = null!;
    private MillpondHost millpond = null!;

    public async ValueTask InitializeAsync()
    {
        image = TestImages.WithLayers(layer);
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", image, "latest");
        millpond = await MillpondHost.StartAsync(upstream);
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_blob_has_all_its_headers_cold_and_warm(bool isWarm)
    {
        await WarmAsync(isWarm);
        using var response = await millpond.BlobAsync("up/team/app", layer.Digest);
        var expected = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["Accept-Ranges"] = "bytes",
            ["Cache-Control"] = "no-transform",
            ["Content-Length"] = "3000000",
            ["Content-Type"] = "application/octet-stream",
            ["Docker-Content-Digest"] = layer.Digest.ToString(),
            ["Docker-Distribution-Api-Version"] = "registry/2.0",
            ["ETag"] = $"\"{layer.Digest}\"",
            ["Millpond-Cache"] = isWarm ? "hit" : "miss",
            ["X-Content-Type-Options"] = "nosniff",
        };
        Assert.Equal(expected, Describe(response));
        Assert.Equal(layer.ToArray(), await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task HEAD_is_GET_without_the_body()
    {
        await WarmAsync(isWarm: true);
        using var get = await millpond.BlobAsync("up/team/app", layer.Digest);
        using var head = await millpond.BlobAsync("up/team/app", layer.Digest, method: HttpMethod.Head);
        Assert.Equal(Describe(get), Describe(head));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_cold_HEAD_fetches_no_body()
    {
        using var head = await millpond.BlobAsync("up/team/app", layer.Digest, method: HttpMethod.Head);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(3_000_000, head.Content.Headers.ContentLength);
        Assert.InRange(upstream.BytesSentOf(layer.Digest), 0, 1);
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 1, true)]
    [InlineData("bytes=0-0", 0, 1, false)]
    [InlineData("bytes=1000000-1999999", 1_000_000, 1_000_000, true)]
    [InlineData("bytes=1000000-1999999", 1_000_000, 1_000_000, false)]
    [InlineData("bytes=2999999-", 2_999_999, 1, true)]
    [InlineData("bytes=2999999-", 2_999_999, 1, false)]
    [InlineData("bytes=-500", 2_999_500, 500, true)]
    [InlineData("bytes=-500", 2_999_500, 500, false)]
    public async Task A_part_is_the_same_cold_and_warm(string range, int start, int length, bool isWarm)
    {
        await WarmAsync(isWarm);
        using var response = await millpond.BlobAsync("up/team/app", layer.Digest, range);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal($"bytes {start}-{start + length - 1}/3000000", response.Content.Headers.ContentRange?.ToString());
        Assert.Equal(layer.ToArray()[start..(start + length)], await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_range_outside_is_refused_cold_and_warm(bool isWarm)
    {
        await WarmAsync(isWarm);
        using var response = await millpond.BlobAsync("up/team/app", layer.Digest, "bytes=3000000-");
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, response.StatusCode);
        Assert.Equal("bytes */3000000", response.Content.Headers.ContentRange?.ToString());
    }

    [Fact]
    public async Task A_part_is_answered_while_the_fill_goes_on()
    {
        var gate = upstream.Park(layer.Digest, 2_000_000);
        using var whole = await millpond.BlobAsync("up/team/app", layer.Digest);
        await gate.WhenReached();
        using var part = await millpond.BlobAsync("up/team/app", layer.Digest, "bytes=500000-999999");
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal("miss", Assert.Single(part.Headers.GetValues("Millpond-Cache")));
        Assert.Equal(layer.ToArray()[500_000..1_000_000], await part.Content.ReadAsByteArrayAsync());
        gate.Open();
        Assert.Equal(layer.ToArray(), await whole.Content.ReadAsByteArrayAsync());
        upstream.AssertRequests(1, RequestKind.Blob);
    }

    [Fact]
    public async Task A_client_that_has_the_blob_starts_no_fill()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, $"/v2/up/team/app/blobs/{layer.Digest}"));
        request.Headers.TryAddWithoutValidation("If-None-Match", $"\"{layer.Digest}\"");
        using var response = await millpond.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NotModified, response.StatusCode);
        Assert.InRange(upstream.BytesSentOf(layer.Digest), 0, 1);
    }

    private async Task WarmAsync(bool isWarm)
    {
        // A fill is over a little later than its last byte: it is stored after it was sent.
        var status = isWarm ? "" : "hit";
        while (status != "hit")
        {
            using var response = await millpond.BlobAsync("up/team/app", layer.Digest);
            await response.Content.ReadAsByteArrayAsync();
            status = response.Headers.GetValues("Millpond-Cache").Single();
        }
    }

    private static SortedDictionary<string, string> Describe(HttpResponseMessage response) => new(
        response.Headers.Concat(response.Content.Headers)
            .Where(header => header.Key != "Date")
            .ToDictionary(header => header.Key, header => string.Join(", ", header.Value)), StringComparer.Ordinal);

    /// <summary>A client has all bytes before they are put away: that is no reason to tell another that they are not here.</summary>
    [Fact]
    public async Task What_has_just_come_whole_is_here_for_who_may_have_nothing_asked()
    {
        for (var round = 0; round < 30; round++)
        {
            var blob = TestBlob.Generated(900 + round, 20_000);
            upstream.Add("team/app", TestImages.WithLayers(blob), $"{round}");
            using var cold = await millpond.BlobAsync("up/team/app", blob.Digest);
            Assert.Equal(blob.ToArray(), await cold.Content.ReadAsByteArrayAsync());
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, $"/v2/up/team/app/blobs/{blob.Digest}"));
            request.Headers.CacheControl = new() { OnlyIfCached = true };
            using var here = await millpond.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, here.StatusCode);
            Assert.Equal(blob.ToArray(), await here.Content.ReadAsByteArrayAsync());
        }
    }
}
