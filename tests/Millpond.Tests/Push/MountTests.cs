using System.Net;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

public sealed class MountTests : IAsyncLifetime
{
    private readonly TestImage image = TestImages.OnePlatform();
    private FakeUpstream upstream = null!;
    private MillpondHost millpond = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("app", image, "1");
        upstream.Add("secret/app", image, "1");
        millpond = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { Deny = ["secret/**"] }]);
    }

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_blob_is_taken_over_from_where_it_is_and_else_an_upload_begins()
    {
        var blob = TestBlob.Generated(5, 3000);
        await new PushClient(millpond, "one").PushBlobAsync(blob.ToArray());
        Assert.True(await MountAsync("two", blob.Digest, "one"));
        Assert.True(await MountAsync("three", blob.Digest, null));
        Assert.Single(PushHost.Blobs(millpond));
        Assert.Equal(HttpStatusCode.OK, await new PushClient(millpond, "three").HeadAsync($"blobs/{blob.Digest}"));

        // Where it is not, though it is here.
        Assert.False(await MountAsync("four", blob.Digest, "five"));
        Assert.False(await MountAsync("four", blob.Digest, "Not a name"));
        Assert.False(await MountAsync("four", Digest.Sha256("absent"u8), null));
        Assert.Equal(HttpStatusCode.NotFound, await new PushClient(millpond, "four").HeadAsync($"blobs/{blob.Digest}"));
    }

    [Fact]
    public async Task What_was_pulled_can_be_mounted_by_who_may_pull_it_and_survives_its_cache()
    {
        await millpond.PullAsync("up/app", image, "1");
        var asked = upstream.Requests().Count;
        foreach (var blob in image.Blobs)
        {
            // Pulled is not yet written down: no pull waits for that.
            await Eventually.HoldsAsync(() => MountAsync("mine", blob.Digest, "up/app"));
            Assert.True(await MountAsync("other", blob.Digest, null));
            Assert.False(await MountAsync("third", blob.Digest, "up/secret/app"));
        }

        using (var put = await new PushClient(millpond, "mine").PutManifestAsync(image.Manifest, "1"))
        {
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        var cache = new PushClient(millpond, "up/app");
        Assert.Equal(HttpStatusCode.Accepted, await cache.DeleteAsync($"manifests/{image.Digest}"));
        foreach (var blob in image.Blobs)
        {
            Assert.Equal(HttpStatusCode.Accepted, await cache.DeleteAsync($"blobs/{blob.Digest}"));
        }

        await millpond.RestartAsync();
        await millpond.PullAsync("mine", image, "1");
        Assert.Equal(asked, upstream.Requests().Count);
    }

    [Fact]
    public async Task A_manifest_is_no_blob_to_mount_and_nothing_is_fetched_for_a_mount()
    {
        using (await millpond.ManifestAsync("up/app", "1"))
        {
            Assert.False(await MountAsync("mine", image.Digest, "up/app"));
            Assert.False(await MountAsync("mine", image.Layer.Digest, "up/app"));
        }

        Assert.Empty(upstream.Requests(RequestKind.Blob));
    }

    private async Task<bool> MountAsync(string repository, Digest digest, string? from)
    {
        var client = new PushClient(millpond, repository);
        var path = $"/v2/{repository}/blobs/uploads/?mount={digest}{(from is null ? "" : $"&from={Uri.EscapeDataString(from)}")}";
        using var response = await client.SendAsync(HttpMethod.Post, path);
        Assert.Contains(response.StatusCode, new[] { HttpStatusCode.Created, HttpStatusCode.Accepted });
        Assert.StartsWith($"/v2/{repository}/blobs/", response.Headers.Location?.ToString(), StringComparison.Ordinal);
        return response.StatusCode == HttpStatusCode.Created;
    }
}
