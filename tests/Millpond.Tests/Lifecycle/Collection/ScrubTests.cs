using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Lifecycle.Collection;

/// <summary>Files that a disk has changed: found, never served again, and healed where somebody has them.</summary>
public sealed class ScrubTests
{
    [Fact]
    public async Task A_damaged_blob_of_a_cache_is_fetched_again()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Generated(seed: 1, length: 600_000));
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");
        Damage(host, image.Layer);
        await ScrubAsync(host);
        await host.Millpond.PullAsync("up/a", image, "1");
        Assert.Equal(2 * image.Layer.Length, host.Upstream.BytesSentOf(image.Layer.Digest));
        Assert.Contains("refilled", await MetricsAsync(host), StringComparison.Ordinal);
        Assert.True(host.IsStored(image.Layer));
    }

    [Fact]
    public async Task One_that_no_upstream_has_any_more_is_taken_out_and_served_to_nobody()
    {
        await using var host = await CollectedHost.StartAsync();
        var image = TestImages.WithLayers(TestBlob.Generated(seed: 2, length: 600_000));
        host.Upstream.Add("a", image, "1");
        await host.PullAsync("up/a", image, "1");
        Damage(host, image.Layer);
        host.Upstream.RemoveBlob("a", image.Layer.Digest);
        await ScrubAsync(host);
        Assert.False(host.IsStored(image.Layer));
        using var response = await host.Millpond.BlobAsync("up/a", image.Layer.Digest);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_damaged_pushed_blob_is_kept_aside_and_said_until_it_is_pushed_again()
    {
        await using var host = await CollectedHost.StartAsync(allowErrors: true);
        var image = TestImages.WithLayers(TestBlob.Generated(seed: 3, length: 600_000));
        await host.Push.PushAsync(image, "1");
        await host.Millpond.PullAsync("team/app", image, "1");
        Damage(host, image.Layer);
        await ScrubAsync(host);
        using (var response = await host.Millpond.BlobAsync("team/app", image.Layer.Digest))
        {
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }

        var aside = Path.Join(host.Millpond.DataFolder, "store", "damaged", $"sha256-{image.Layer.Digest.Hex}");
        Assert.Equal(image.Layer.Length, new FileInfo(aside).Length);
        Assert.Contains("damaged", await ReadyAsync(host), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await host.Push.HeadAsync($"blobs/{image.Layer.Digest}"));
        await host.Push.PushAsync(image, "1");
        Assert.Equal("ready\n", await ReadyAsync(host));
        await host.Millpond.PullAsync("team/app", image, "1");
        await ScrubAsync(host);
        await host.Millpond.PullAsync("team/app", image, "1");
    }

    [Fact]
    public async Task A_pass_is_a_month_and_goes_on_where_it_stopped()
    {
        await using var host = await CollectedHost.StartAsync();
        var images = Enumerable.Range(0, 15).Select(i => TestImages.WithLayers(TestBlob.Generated(seed: 100 + i, length: 300_000 + i))).ToList();
        foreach (var image in images)
        {
            host.Upstream.Add("a", image);
            await host.PullAsync("up/a", image);
        }

        using var cancel = new CancellationTokenSource();
        var interrupted = host.Collection.Scrub.PassAsync(cancel.Token);
        while (await host.Collection.Catalog.Collection.Cursors.FindAsync("scrub") is null)
        {
            // A rest at a time: the pass must be in its second page when it is ended.
            host.Time.Advance(TimeSpan.FromSeconds(12));
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, CancellationToken.None);
        }

        await cancel.CancelAsync();
        try
        {
            await interrupted;
        }
        catch (OperationCanceledException)
        {
            // Somewhere in the middle.
        }

        var cursor = await host.Collection.Catalog.Collection.Cursors.FindAsync("scrub");
        Assert.DoesNotContain("whole", cursor, StringComparison.Ordinal);
        await host.Time.AdvanceUntilAsync(host.Collection.Scrub.PassAsync(CancellationToken.None), TimeSpan.FromMinutes(1));
        var whole = await host.Collection.Catalog.Collection.Cursors.FindAsync("scrub");
        Assert.EndsWith("whole", whole, StringComparison.Ordinal);
        Assert.Equal(cursor!.Split(' ')[0], whole!.Split(' ')[0]);

        // Nothing is read before a month is over.
        await host.Collection.Scrub.PassAsync(CancellationToken.None);
        Assert.Equal(whole, await host.Collection.Catalog.Collection.Cursors.FindAsync("scrub"));
    }

    private static async Task ScrubAsync(CollectedHost host)
    {
        var after = "";
        while (await host.Collection.Catalog.Collection.Garbage.BlobsAsync(after, 10) is { Count: > 0 } page)
        {
            foreach (var blob in page)
            {
                await host.Collection.Scrub.CheckAsync(blob, _ => default, CancellationToken.None);
            }

            after = page[^1].Digest.ToString();
        }
    }

    /// <summary>The file keeps its length and its name.</summary>
    private static void Damage(CollectedHost host, TestBlob blob)
    {
        using var file = File.OpenHandle(
            Path.Join(host.Millpond.DataFolder, "store", blob.Digest.Algorithm, blob.Digest.Hex[..2], blob.Digest.Hex), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var bytes = new byte[1];
        RandomAccess.Read(file, bytes, blob.Length / 2);
        bytes[0] ^= 1;
        RandomAccess.Write(file, bytes, blob.Length / 2);
    }

    private static Task<string> MetricsAsync(CollectedHost host) => host.Millpond.Client.GetStringAsync(new Uri(host.Millpond.Address, "/metrics"));

    private static Task<string> ReadyAsync(CollectedHost host) => host.Millpond.Client.GetStringAsync(new Uri(host.Millpond.Address, "/readyz"));
}
