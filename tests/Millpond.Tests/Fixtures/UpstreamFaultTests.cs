using System.IO.Compression;
using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;

namespace Millpond.Tests.Fixtures;

/// <summary>Every fault does what its name says, seen by a plain client.</summary>
public sealed class UpstreamFaultTests
{
    private const int Length = 200_000;
    private static readonly TestBlob Blob = TestBlob.Generated(3, Length);

    [Theory]
    [InlineData(UpstreamFault.CutAtStart, 0)]
    [InlineData(UpstreamFault.CutAfterOneByte, 1)]
    [InlineData(UpstreamFault.CutAtHalf, Length / 2)]
    [InlineData(UpstreamFault.CutAtNinetyPercent, Length / 10 * 9)]
    [InlineData(UpstreamFault.CutBeforeLastByte, Length - 1)]
    [InlineData(UpstreamFault.LongContentLength, Length)]
    public async Task A_cut_body_ends_where_it_should_and_breaks(UpstreamFault fault, int expected)
    {
        await using var upstream = await StartAsync(fault);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        var (received, isBroken) = await ReadAsync(response);
        Assert.Equal(expected, received.Length);
        Assert.True(isBroken);
        Assert.Equal(expected, upstream.BytesSentOf(Blob.Digest));

        using var next = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        Assert.Equal(Blob.ToArray(), (await ReadAsync(next)).Received);
    }

    [Fact]
    public async Task A_resume_is_answered_whole_where_ranges_are_ignored()
    {
        await using var upstream = await StartAsync(UpstreamFault.IgnoresRange);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, "bytes=100-");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Blob.ToArray(), (await ReadAsync(response)).Received);
    }

    [Fact]
    public async Task A_wrong_range_begins_too_early_and_says_so()
    {
        await using var upstream = await StartAsync(UpstreamFault.WrongRangeStart);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, "bytes=100-199999");
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal("bytes 99-199999/200000", response.Content.Headers.ContentRange!.ToString());
        Assert.Equal(Blob.ToArray()[99..], (await ReadAsync(response)).Received);
    }

    [Fact]
    public async Task Wrong_bytes_have_the_right_length()
    {
        await using var upstream = await StartAsync(UpstreamFault.WrongBytes);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        var (received, isBroken) = await ReadAsync(response);
        Assert.False(isBroken);
        Assert.Equal(1, received.Zip(Blob.ToArray()).Count(pair => pair.First != pair.Second));
    }

    [Fact]
    public async Task A_short_length_goes_with_a_short_body()
    {
        await using var upstream = await StartAsync(UpstreamFault.ShortContentLength);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        var (received, isBroken) = await ReadAsync(response);
        Assert.False(isBroken);
        Assert.Equal(Length - 1, received.Length);
    }

    [Theory]
    [InlineData(UpstreamFault.NoContentLength)]
    [InlineData(UpstreamFault.GzipBody)]
    public async Task A_body_may_come_without_a_length(UpstreamFault fault)
    {
        await using var upstream = await StartAsync(fault);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        Assert.Null(response.Content.Headers.ContentLength);
        var (received, _) = await ReadAsync(response);
        if (fault == UpstreamFault.GzipBody)
        {
            Assert.Equal("gzip", response.Content.Headers.ContentEncoding.Single());
            using var unpacked = new MemoryStream();
            await new GZipStream(new MemoryStream(received), CompressionMode.Decompress).CopyToAsync(unpacked);
            received = unpacked.ToArray();
        }

        Assert.Equal(Blob.ToArray(), received);
    }

    [Theory]
    [InlineData(UpstreamFault.UnauthorizedOnResume, 401, null)]
    [InlineData(UpstreamFault.ServerError, 503, null)]
    [InlineData(UpstreamFault.ThrottledWithRetryAfter, 429, 7)]
    [InlineData(UpstreamFault.ThrottledWithoutRetryAfter, 429, null)]
    public async Task A_refusing_upstream_has_its_status(UpstreamFault fault, int status, int? retryAfter)
    {
        await using var upstream = await StartAsync(fault);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, "bytes=5-");
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(retryAfter, response.Headers.RetryAfter?.Delta?.TotalSeconds);
        using var next = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, "bytes=5-");
        Assert.Equal(HttpStatusCode.PartialContent, next.StatusCode);
    }

    [Fact]
    public async Task A_stalled_body_goes_on_when_it_is_released()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("a", Blob);
        var stall = upstream.Arm(UpstreamFault.Stall);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        await upstream.WhenBytesSent(Blob.Digest, Length / 2);
        Assert.Equal(Length / 2, upstream.BytesSentOf(Blob.Digest));
        stall.Release();
        Assert.Equal(Blob.ToArray(), (await ReadAsync(response)).Received);
    }

    [Fact]
    public async Task A_parked_body_waits_for_its_gate()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("a", Blob);
        var gate = upstream.Park(Blob.Digest, after: 70_001);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, "bytes=1-");
        await gate.WhenReached();
        Assert.Equal(70_000, upstream.BytesSentOf(Blob.Digest));
        gate.Open();
        Assert.Equal(Blob.ToArray()[1..], (await ReadAsync(response)).Received);
    }

    [Fact]
    public async Task A_trickle_goes_by_the_clock()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync(new() { Time = time });
        upstream.AddBlob("a", Blob);
        upstream.Arm(UpstreamFault.Trickle);
        using var response = await FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        await upstream.WhenBytesSent(Blob.Digest, 1024);
        Assert.Equal(1024, upstream.BytesSentOf(Blob.Digest));
        time.Advance(TimeSpan.FromSeconds(3));
        await upstream.WhenBytesSent(Blob.Digest, 4 * 1024);
    }

    [Fact]
    public async Task A_black_hole_takes_the_request_and_says_nothing()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var hole = upstream.Arm(UpstreamFault.BlackHole);
        var answer = FakeUpstreamTests.GetBlobAsync(upstream, "a", Blob.Digest, null);
        await hole.WhenTaken();
        Assert.False(answer.IsCompleted);
        hole.Release();
        await Assert.ThrowsAsync<HttpRequestException>(() => answer);
    }

    [Fact]
    public async Task An_expired_url_is_refused_by_the_blob_host()
    {
        await using var upstream = await FakeUpstream.StartAsync(new() { RedirectBlobs = true });
        upstream.AddBlob("a", Blob);
        upstream.Arm(UpstreamFault.ExpiredRedirect);
        using var http = new HttpClient();
        var url = new Uri(upstream.Address, $"/v2/a/blobs/{Blob.Digest}");
        Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(url)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(url)).StatusCode);
    }

    [Theory]
    [InlineData(UpstreamFault.LyingDigestHeader)]
    [InlineData(UpstreamFault.ManifestTooLarge)]
    [InlineData(UpstreamFault.MissingChild)]
    [InlineData(UpstreamFault.TagMovesAfterHead)]
    public async Task A_manifest_may_be_wrong(UpstreamFault fault)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var (image, other) = (TestImages.OnePlatform(1), TestImages.OnePlatform(2));
        upstream.Add("a", image, "v1");
        upstream.Add("a", other);
        _ = fault == UpstreamFault.TagMovesAfterHead ? upstream.MoveTagAfterHead("a", "v1", other.Digest) : upstream.Arm(fault, times: 2);
        using var http = new HttpClient();
        using var head = await http.SendAsync(FakeUpstreamTests.Manifest(upstream, HttpMethod.Head, "a", "v1"));
        using var byTag = await http.SendAsync(FakeUpstreamTests.Manifest(upstream, HttpMethod.Get, "a", "v1"));
        using var byDigest = await http.SendAsync(FakeUpstreamTests.Manifest(upstream, HttpMethod.Get, "a", image.Digest.ToString()));
        var content = await byTag.Content.ReadAsByteArrayAsync();
        switch (fault)
        {
            case UpstreamFault.LyingDigestHeader:
                Assert.Equal(image.Manifest.Content, content);
                Assert.NotEqual(image.Digest.ToString(), byTag.Headers.GetValues("Docker-Content-Digest").Single());
                break;
            case UpstreamFault.ManifestTooLarge:
                Assert.True(content.Length > 4 * 1024 * 1024);
                break;
            case UpstreamFault.MissingChild:
                Assert.Equal(HttpStatusCode.OK, byTag.StatusCode);
                Assert.Equal(HttpStatusCode.NotFound, byDigest.StatusCode);
                break;
            default:
                Assert.Equal(image.Digest.ToString(), head.Headers.GetValues("Docker-Content-Digest").Single());
                Assert.Equal(other.Manifest.Content, content);
                break;
        }
    }

    [Fact]
    public async Task A_fault_hits_only_what_it_was_armed_for()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("a", Blob);
        upstream.AddBlob("b", Blob);
        var fault = upstream.Arm(UpstreamFault.ServerError, times: 2, repository: "b", kind: RequestKind.Blob);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("a", Blob.Digest));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync("b", Blob.Digest));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync("b", Blob.Digest));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("b", Blob.Digest));
        Assert.Equal(2, fault.Taken);
        Assert.Throws<InvalidOperationException>(() => upstream.Arm(UpstreamFault.UnknownHost));

        async Task<HttpStatusCode> StatusAsync(string repository, Digest digest)
        {
            using var response = await FakeUpstreamTests.GetBlobAsync(upstream, repository, digest, null);
            return response.StatusCode;
        }
    }

    private static async Task<FakeUpstream> StartAsync(UpstreamFault fault)
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("a", Blob);
        upstream.Arm(fault);
        return upstream;
    }

    private static async Task<(byte[] Received, bool IsBroken)> ReadAsync(HttpResponseMessage response)
    {
        using var received = new MemoryStream();
        try
        {
            await using var body = await response.Content.ReadAsStreamAsync();
            await body.CopyToAsync(received);
            return (received.ToArray(), false);
        }
        catch (HttpIOException)
        {
            return (received.ToArray(), true);
        }
    }
}
