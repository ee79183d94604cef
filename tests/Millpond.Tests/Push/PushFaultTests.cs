using System.Net;
using Dapper;
using Microsoft.Data.Sqlite;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

/// <summary>A disk that is full, a catalog that somebody holds, a cache that needs the room: what was acknowledged stays, and the rest is refused with words.</summary>
public sealed class PushFaultTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_disk_that_fills_up_refuses_the_push_and_keeps_what_was_pushed(bool saysLength)
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.Mount(folder.Path, megabytes: 24);
        await using var millpond = await PushHost.StartAsync(data: folder, configure: NoHeadroom, allowErrors: true);
        var client = new PushClient(millpond, "team/app");
        var before = TestImages.WithLayers(TestBlob.Generated(1, 100_000));
        await client.PushAsync(before, "1");

        var large = TestBlob.Generated(2, 40 << 20);
        using (var refused = await PutAsync(client, large, saysLength))
        {
            Assert.Equal(507, (int)refused.StatusCode);
            Assert.Equal("UNAVAILABLE", await PushClient.CodeAsync(refused));
        }

        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{large.Digest}"));
        await Eventually.HoldsAsync(() => PushHost.Uploads(millpond).Length == 0);
        await millpond.PullAsync("team/app", before, "1");
        await client.PushAsync(TestImages.WithLayers(TestBlob.Generated(3, 1 << 20)), "2");
        await millpond.RestartAsync();
        await millpond.PullAsync("team/app", before, "1");
    }

    [Fact]
    public async Task While_another_program_holds_the_catalog_nothing_is_acknowledged_and_afterwards_the_same_push_succeeds()
    {
        await using var millpond = await PushHost.StartAsync(allowErrors: true);
        var client = new PushClient(millpond, "team/app");
        var first = TestImages.WithLayers(TestBlob.Of("first"));
        await client.PushAsync(first, "1");
        var second = TestImages.WithLayers(TestBlob.Of("second"));
        await client.PushBlobAsync(second.Layer.ToArray());
        var upload = await client.BeginAsync();
        var config = second.Blobs.First(blob => blob.Digest != second.Layer.Digest);
        using (var other = new SqliteConnection($"Data Source={millpond.DataFolder}/catalog/catalog.db;Pooling=False"))
        {
            other.Open();
            other.Execute("BEGIN IMMEDIATE");
            using var blob = await client.SendAsync(HttpMethod.Put, $"{upload}?digest={config.Digest}", config.ToArray());
            using var manifest = await client.PutManifestAsync(first.Manifest, "2");
            using var delete = await client.SendAsync(HttpMethod.Delete, "/v2/team/app/manifests/1");
            foreach (var refused in new[] { blob, manifest, delete })
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
                Assert.NotNull(refused.Headers.RetryAfter);
                Assert.Equal("UNAVAILABLE", await PushClient.CodeAsync(refused));
            }

            Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{config.Digest}"));
            Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync("manifests/2"));
            await millpond.PullAsync("team/app", first, "1");
        }

        await client.PushAsync(second, "2");
        await millpond.PullAsync("team/app", second, "2");
        await millpond.RestartAsync();
        await millpond.PullAsync("team/app", first, "1");
        await millpond.PullAsync("team/app", second, "2");
    }

    [Fact]
    public async Task A_cache_that_needs_the_room_of_pushes_gets_none_of_it()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var cached = Enumerable.Range(0, 12).Select(i => TestImages.WithLayers(TestBlob.Generated(100 + i, 1 << 20))).ToArray();
        foreach (var image in cached)
        {
            upstream.Add("app", image, $"v{image.Digest.Hex[..8]}");
        }

        await using var millpond = await MillpondHost.StartAsync(
            upstream, new() { AllowErrors = true, Configure = all => NoHeadroom(all) with { Storage = all.Storage with { Limit = new(8 << 20, 0), Headroom = new(0, 0) } } });
        var pushed = Enumerable.Range(0, 4).Select(i => TestImages.WithLayers(TestBlob.Generated(200 + i, 1 << 20))).ToArray();
        var pushes = pushed.Select((image, i) => new PushClient(millpond, $"mine{i}").PushAsync(image, "1"));
        await Task.WhenAll([.. pushes, PullAllAsync(), PullAllAsync()]);
        for (var i = 0; i < pushed.Length; i++)
        {
            await millpond.PullAsync($"mine{i}", pushed[i], "1");
        }

        await millpond.RestartAsync();
        await PullAllAsync();
        for (var i = 0; i < pushed.Length; i++)
        {
            await millpond.PullAsync($"mine{i}", pushed[i], "1");
        }

        async Task PullAllAsync()
        {
            foreach (var image in cached)
            {
                await millpond.PullAsync("up/app", image, $"v{image.Digest.Hex[..8]}");
            }
        }
    }

    private static Server.Configuration.ServerConfiguration NoHeadroom(Server.Configuration.ServerConfiguration all) =>
        all with { Storage = all.Storage with { Headroom = new(0, 0) } };

    private static async Task<HttpResponseMessage> PutAsync(PushClient client, TestBlob blob, bool saysLength)
    {
        var upload = await client.BeginAsync();
        return saysLength
            ? await client.SendAsync(HttpMethod.Put, $"{upload}?digest={blob.Digest}", blob.ToArray())
            : await client.SendAsync(HttpMethod.Patch, upload, blob.ToArray(), null, null, ("Transfer-Encoding", "chunked"));
    }
}
