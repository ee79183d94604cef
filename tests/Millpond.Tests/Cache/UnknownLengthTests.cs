using System.Net;
using Millpond.Tests.Fixtures;
using Millpond.Tests.Upstream;

namespace Millpond.Tests.Cache;

/// <summary>A blob whose length nobody says: asked by its digest without a manifest, from an upstream that sends it chunked.</summary>
public sealed class UnknownLengthTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(3_000_000)]
    public async Task It_streams_to_its_end_and_is_a_hit_of_known_length_afterwards(int length)
    {
        var blob = TestBlob.Generated(seed: 61, length);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", blob);
        upstream.Arm(UpstreamFault.NoContentLength, times: int.MaxValue, kind: RequestKind.Blob);
        await using var host = await MillpondHost.StartAsync(upstream);

        using var cold = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(HttpStatusCode.OK, cold.StatusCode);
        Assert.Equal(blob.ToArray(), await cold.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await host.Log.WhenLineAsync($"Filled {blob.Digest}");

        using var warm = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(("hit", (long?)length), (warm.CacheStatus(), warm.Content.Headers.ContentLength));
        Assert.Equal(blob.ToArray(), await warm.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Single(upstream.Requests(RequestKind.Blob));
    }

    /// <summary>That it is there is what is asked; how long it is, upstream says to nobody.</summary>
    [Fact]
    public async Task A_head_is_answered_without_a_length()
    {
        await using var chunked = await Millpond.Tests.Upstream.TestServer.StartAsync(async context => await context.Response.BodyWriter.FlushAsync());
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", chunked.Url)]);
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(host.Address, $"/v2/up/a/blobs/{Millpond.Images.Digest.Sha256("x"u8)}"));

        using var response = await host.Client.SendAsync(request);

        Assert.Equal(System.Net.HttpStatusCode.OK, response.StatusCode);
        Assert.Null(response.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Wrong_bytes_are_reset_and_not_kept()
    {
        var blob = TestBlob.Generated(seed: 62, 1_000_000);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", blob);
        await using var host = await MillpondHost.StartAsync(upstream);
        var gate = upstream.Park(blob.Digest, after: 999_999);
        upstream.Arm(UpstreamFault.NoContentLength, kind: RequestKind.Blob);
        using var cut = await host.BlobAsync("up/team/app", blob.Digest);
        await gate.WhenReached();

        // The chunked body ends without its end: what came is no whole blob, though no length says so.
        upstream.GoDown();
        upstream.ComeBack();
        gate.Open();
        Assert.Equal(blob.ToArray(), await cut.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.True(upstream.Requests(RequestKind.Blob)[^1].IsResume);
    }

    [Fact]
    public async Task An_empty_body_is_no_blob_of_another_digest()
    {
        var blob = TestBlob.Generated(seed: 65, 1000);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", blob);
        await using var host = await MillpondHost.StartAsync(upstream);
        upstream.Arm(UpstreamFault.EmptyBody, kind: RequestKind.Blob);
        using var empty = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(HttpStatusCode.BadGateway, empty.StatusCode);

        using var whole = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(blob.ToArray(), await whole.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_partial_that_holds_all_of_it_is_completed()
    {
        var blob = TestBlob.Generated(seed: 63, 300_000);
        using var data = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.WithLayers(blob), "1");
        Partials.Leave(data.File("data"), blob, written: blob.Length, size: null, repository: "up/team/app", upstream: upstream);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });

        // Once where only upstream knows that there is no byte more, and once where the manifest says so.
        using var unknown = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(blob.ToArray(), await unknown.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_partial_that_holds_all_of_it_by_its_manifest_is_completed_without_asking()
    {
        var blob = TestBlob.Generated(seed: 64, 300_000);
        using var data = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.WithLayers(blob), "1");
        Partials.Leave(data.File("data"), blob, written: blob.Length, size: null, repository: "up/team/app", upstream: upstream);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullManifestAsync("up/team/app", "1");

        using var described = await host.BlobAsync("up/team/app", blob.Digest);
        Assert.Equal(blob.ToArray(), await described.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Empty(upstream.Requests(RequestKind.Blob));
    }

    [Fact]
    public async Task A_head_of_it_is_answered_without_a_length()
    {
        var blob = TestBlob.Generated(seed: 66, 1000);
        await using var upstream = await TestServer.StartAsync(async context => await context.Response.Body.WriteAsync(blob.ToArray()));
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream.Url)]);
        using var head = await host.BlobAsync("up/team/app", blob.Digest, method: HttpMethod.Head);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Null(head.Content.Headers.ContentLength);
    }
}
