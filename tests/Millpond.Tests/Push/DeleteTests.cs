using System.Net;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

public sealed class DeleteTests
{
    [Fact]
    public async Task A_tag_goes_alone_and_a_manifest_with_its_tags()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var image = TestImages.OnePlatform();
        await client.PushAsync(image, "1");
        (await client.PutManifestAsync(image.Manifest, "2")).Dispose();
        await millpond.PullAsync("app", image, "1");
        await millpond.PullAsync("app", image, "2");

        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync("manifests/1"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync("manifests/1"));
        Assert.Equal(HttpStatusCode.OK, await client.HeadAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.DeleteAsync("manifests/1"));
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync("manifests/2"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.DeleteAsync($"manifests/{image.Digest}"));
        Assert.Equal("""{"name":"app","tags":[]}""", await client.TextAsync("tags/list"));
        await client.PushAsync(image, "1");
        await millpond.PullAsync("app", image, "1");
    }

    [Fact]
    public async Task What_a_manifest_needs_stays_until_the_manifest_is_gone()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var index = TestImages.TwoPlatforms();
        var child = index.Children[0];
        await client.PushAsync(index, "1");
        Assert.Equal(HttpStatusCode.Conflict, await client.DeleteAsync($"blobs/{child.Layer.Digest}"));
        Assert.Equal(HttpStatusCode.Conflict, await client.DeleteAsync($"manifests/{child.Digest}"));
        await millpond.PullAsync("app", index, "1");

        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{index.Digest}"));
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{child.Digest}"));
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{child.Layer.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{child.Layer.Digest}"));
    }

    [Fact]
    public async Task Bytes_stay_as_long_as_another_repository_has_them_and_as_long_as_they_are_read()
    {
        await using var millpond = await PushHost.StartAsync();
        var (one, two) = (new PushClient(millpond, "one"), new PushClient(millpond, "two"));
        var blob = TestBlob.Generated(3, 8 << 20);
        await one.PushBlobAsync(blob.ToArray());
        await two.PushBlobAsync(blob.ToArray());
        Assert.Single(PushHost.Blobs(millpond));

        Assert.Equal(HttpStatusCode.Accepted, await one.DeleteAsync($"blobs/{blob.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await one.HeadAsync($"blobs/{blob.Digest}"));
        using var reading = await millpond.BlobAsync("two", blob.Digest);
        Assert.Equal(HttpStatusCode.Accepted, await two.DeleteAsync($"blobs/{blob.Digest}"));
        await Eventually.HoldsAsync(() => PushHost.Blobs(millpond).Length == 0);
        Assert.Equal(blob.Digest, Digest.Sha256(await reading.Content.ReadAsByteArrayAsync()));
        Assert.Equal(HttpStatusCode.NotFound, await two.HeadAsync($"blobs/{blob.Digest}"));
        await one.PushBlobAsync(blob.ToArray());
        Assert.Equal(HttpStatusCode.OK, await one.HeadAsync($"blobs/{blob.Digest}"));
    }

    [Fact]
    public async Task A_digest_that_is_manifest_and_blob_goes_as_what_it_was_deleted_as()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var image = TestImages.OnePlatform();
        await client.PushAsync(image);
        await client.PushBlobAsync(image.Manifest.Content);
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.OK, await client.HeadAsync($"blobs/{image.Digest}"));
    }

    [Fact]
    public async Task What_is_deleted_from_a_cache_is_asked_of_upstream_again()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("app", image, "1");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var client = new PushClient(millpond, "up/app");
        await millpond.PullAsync("up/app", image, "1");
        upstream.AssertRequests(1, RequestKind.Manifest);

        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync("manifests/1"));
        await millpond.PullAsync("up/app", image, "1");
        upstream.AssertRequests(2, RequestKind.Manifest);
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
        await millpond.PullAsync("up/app", image);
        upstream.AssertRequests(3, RequestKind.Manifest);
        Assert.Equal(HttpStatusCode.NotFound, await client.DeleteAsync("manifests/1"));

        var layer = image.Layer.Digest;
        var before = upstream.Requests(RequestKind.Blob).Count;
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{layer}"));
        using var again = await millpond.BlobAsync("up/app", layer);
        Assert.Equal(layer, Digest.Sha256(await again.Content.ReadAsByteArrayAsync()));
        Assert.True(upstream.Requests(RequestKind.Blob).Count > before);
    }

    /// <summary>A download is written down after its client has all of it, so that a deletion may come between.</summary>
    [Fact]
    public async Task What_is_deleted_from_a_cache_as_soon_as_it_has_come_is_asked_of_upstream_again()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var client = new PushClient(millpond, "up/app");
        for (var round = 0; round < 30; round++)
        {
            var blob = TestBlob.Generated(500 + round, 20_000);
            upstream.Add("app", TestImages.WithLayers(blob), $"{round}");
            await ReadAsync(blob);
            Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{blob.Digest}"));
            upstream.ClearRequests();
            await ReadAsync(blob);
            Assert.NotEmpty(upstream.Requests(RequestKind.Blob));
        }

        async Task ReadAsync(TestBlob blob)
        {
            using var answer = await millpond.BlobAsync("up/app", blob.Digest);
            Assert.Equal(blob.Digest, Digest.Sha256(await answer.Content.ReadAsByteArrayAsync()));
        }
    }

    [Fact]
    public async Task A_cache_that_shares_bytes_with_a_push_loses_none_of_them_to_it()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform();
        upstream.Add("app", image, "1");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        await millpond.PullAsync("up/app", image, "1");
        var client = new PushClient(millpond, "mine");
        await client.PushAsync(image, "1");
        Assert.Equal(image.Blobs.Count, PushHost.Blobs(millpond).Length);
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
        foreach (var blob in image.Blobs)
        {
            Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{blob.Digest}"));
        }

        var asked = upstream.Requests().Count;
        await millpond.PullAsync("up/app", image, "1");
        Assert.Equal(asked, upstream.Requests().Count);
    }
}
