using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

public sealed class ConcurrencyTests
{
    private const int Pushers = 8;
    private const int Rounds = 12;

    [Fact]
    public async Task Sixteen_who_push_the_same_layers_store_each_of_them_once()
    {
        await using var millpond = await PushHost.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Generated(1, 200_000), TestBlob.Generated(2, 1_000_000), TestBlob.Of("small"));
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => new PushClient(millpond, $"team{i}/app").PushAsync(image, "1"))));
        Assert.Equal(image.Blobs.Count, PushHost.Blobs(millpond).Length);
        Assert.Empty(PushHost.Uploads(millpond));
        await AssertCountedAsync();
        await millpond.RestartAsync();
        for (var i = 0; i < 16; i++)
        {
            await millpond.PullAsync($"team{i}/app", image, "1");
        }

        await AssertCountedAsync();

        async Task AssertCountedAsync() => Assert.Contains(
            $"\nmillpond_store_bytes{{}} {image.Blobs.Sum(blob => blob.Length)}\n", await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/metrics")), StringComparison.Ordinal);
    }

    /// <summary>Each has its own repository, and all of them the same bytes: what one deletes, none of the others may miss.</summary>
    [Fact]
    public async Task Who_pushes_pulls_and_deletes_the_same_bytes_elsewhere_breaks_no_image_of_mine()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Generated(3, 50_000), TestBlob.Of("layer"));
        upstream.Add("app", image, "1");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var ended = new CancellationTokenSource();
        var cache = Task.Run(async () =>
        {
            var client = new PushClient(millpond, "up/app");
            while (!ended.IsCancellationRequested)
            {
                await millpond.PullAsync("up/app", image, "1");
                await client.DeleteAsync($"manifests/{image.Digest}");
                foreach (var blob in image.Blobs)
                {
                    await client.DeleteAsync($"blobs/{blob.Digest}");
                }
            }
        });
        await Task.WhenAll(Enumerable.Range(0, Pushers).Select(i => Task.Run(() => UseAsync(new PushClient(millpond, $"mine{i}")))));
        await ended.CancelAsync();
        await cache;

        async Task UseAsync(PushClient client)
        {
            for (var round = 0; round < Rounds; round++)
            {
                await client.PushAsync(image, "1");
                await millpond.PullAsync(client.Repository, image, "1");
                await millpond.PullAsync(client.Repository, image);
                Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
                foreach (var blob in image.Blobs)
                {
                    Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{blob.Digest}"));
                    Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{blob.Digest}"));
                }
            }
        }
    }

    /// <summary>In one repository: either the layer goes and the manifest is refused, or the manifest comes and the layer stays.</summary>
    [Fact]
    public async Task A_push_and_a_delete_in_one_repository_come_one_after_the_other()
    {
        await using var millpond = await PushHost.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Of("one"), TestBlob.Of("two"));
        var client = new PushClient(millpond, "app");
        for (var round = 0; round < 40; round++)
        {
            foreach (var blob in image.Blobs)
            {
                await client.PushBlobAsync(blob.ToArray());
            }

            var deleting = client.DeleteAsync($"blobs/{image.Layer.Digest}");
            using var put = await client.PutManifestAsync(image.Manifest, "1");
            var deleted = await deleting;
            var isRefused = put.StatusCode == HttpStatusCode.BadRequest && deleted == HttpStatusCode.Accepted;
            Assert.True(isRefused || put.StatusCode == HttpStatusCode.Created && deleted == HttpStatusCode.Conflict, $"{put.StatusCode}, {deleted}");
            if (!isRefused)
            {
                await millpond.PullAsync("app", image, "1");
                Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{image.Digest}"));
            }
        }
    }
}
