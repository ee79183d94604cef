using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class FillTests
{
    private const int Half = 1_000_000;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 11, length: 2 * Half);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    [Fact]
    public async Task Fifty_cold_clients_cost_one_download_and_all_of_them_have_bytes_before_it_ends()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);

        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ =>
        {
            var response = await host.BlobAsync("up/team/app", Layer.Digest);
            var body = await response.Content.ReadAsStreamAsync();
            var first = new byte[1000];
            await body.ReadExactlyAsync(first);
            return (Response: response, Body: body, First: first);
        }));
        Assert.False(gate.IsOpen);
        gate.Open();

        foreach (var client in clients)
        {
            using var rest = new MemoryStream();
            rest.Write(client.First);
            await client.Body.CopyToAsync(rest);
            Assert.Equal(Layer.Digest, Layer.Digest.Rehash(rest.ToArray()));
            Assert.Equal("miss", client.Response.CacheStatus());
            client.Response.Dispose();
        }

        Assert.Single(upstream.Requests(RequestKind.Blob));
        Assert.Equal(Layer.Length, upstream.BytesSentOf(Layer.Digest));
    }

    [Fact]
    public async Task A_range_is_answered_while_the_blob_is_filled_and_ends_before_it()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);

        using var whole = await host.BlobAsync("up/team/app", Layer.Digest);
        using var part = await host.BlobAsync("up/team/app", Layer.Digest, range: "bytes=100-299");
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal($"bytes 100-299/{Layer.Length}", part.Content.Headers.ContentRange!.ToString());
        Assert.Equal(Layer.ToArray()[100..300], await part.Content.ReadAsByteArrayAsync());
        gate.Open();
        Assert.Equal(Layer.ToArray(), await whole.Content.ReadAsByteArrayAsync());
        Assert.Single(upstream.Requests(RequestKind.Blob));
    }

    [Fact]
    public async Task A_small_blob_runs_on_when_its_only_client_leaves()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);
        (await host.BlobAsync("up/team/app", Layer.Digest)).Dispose();
        await gate.WhenReached();
        gate.Open();
        await host.Log.WhenLineAsync($"Filled {Layer.Digest}");

        upstream.GoDown();
        using var again = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(await again.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task So_many_fills_run_on_without_a_reader_and_no_more()
    {
        TestBlob[] blobs = [.. Enumerable.Range(0, 3).Select(number => TestBlob.Generated(seed: 210 + number, length: 4_000_000))];
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(
            upstream, new MillpondHostOptions { Configure = all => all with { Storage = all.Storage with { OrphanFills = 2, NearlyDone = 0 } } });
        var gates = new List<Gate>();
        foreach (var blob in blobs)
        {
            upstream.AddBlob("team/app", blob);
            gates.Add(upstream.Park(blob.Digest, after: 1_000_000));
            using var client = await host.BlobAsync("up/team/app", blob.Digest);
            await gates[^1].WhenReached();
        }

        // The third one leaves when two run on already.
        await host.Log.WhenLineAsync("Paused");
        gates.ForEach(gate => gate.Open());
        await host.Log.WhenLineAsync("Filled", times: 2);
        Assert.Single(host.Log.Lines, line => line.Message.StartsWith("Paused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_fill_that_nobody_waits_for_pauses_and_the_next_client_goes_on_from_its_partial()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(
            upstream, new MillpondHostOptions { Configure = all => all with { Storage = all.Storage with { OrphanFills = 0, NearlyDone = 0 } } });
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);
        using (var leaving = await host.BlobAsync("up/team/app", Layer.Digest))
        {
            await gate.WhenReached();
            var body = await leaving.Content.ReadAsStreamAsync();
            await body.ReadExactlyAsync(new byte[Half / 2]);
        }

        await host.Log.WhenLineAsync("Paused");
        gate.Open();
        using var next = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(await next.Content.ReadAsByteArrayAsync()));
        Assert.True(upstream.Requests(RequestKind.Blob)[^1].IsResume);

        // Its own bytes: the first connection may send on for a while until it finds that nobody is there.
        Assert.InRange(upstream.Requests(RequestKind.Blob)[^1].BytesSent, 1, (long)(Layer.Length * 0.8));
    }

    [Theory]
    [InlineData(UpstreamFault.CutAtNinetyPercent, 1.02)]
    [InlineData(UpstreamFault.CutBeforeLastByte, 1.02)]
    public async Task A_broken_connection_is_resumed_by_a_closed_range_and_the_client_sees_nothing_of_it(UpstreamFault fault, double most)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        upstream.Arm(fault, reference: Layer.Digest.ToString());

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(await response.Content.ReadAsByteArrayAsync()));
        var resume = upstream.Requests(RequestKind.Blob)[^1];
        Assert.Equal(Layer.Length - 1, resume.Range!.To);
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, (long)(Layer.Length * most));
    }

    [Fact]
    public async Task Wrong_bytes_of_the_right_length_are_never_completed_nor_kept()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        upstream.Arm(UpstreamFault.WrongBytes, reference: Layer.Digest.ToString());

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => response.Content.ReadAsByteArrayAsync());

        using var again = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(await again.Content.ReadAsByteArrayAsync()));
        Assert.Equal(2, upstream.Requests(RequestKind.Blob).Count);
    }

    [Fact]
    public async Task A_damaged_partial_is_fetched_again_from_zero_before_the_upstream_is_blamed()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(
            upstream, new MillpondHostOptions { Data = data, Configure = all => all with { Storage = all.Storage with { OrphanFills = 0, NearlyDone = 0 } } });
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);
        using (await host.BlobAsync("up/team/app", Layer.Digest))
        {
            await gate.WhenReached();
        }

        await host.Log.WhenLineAsync("Paused");
        gate.Open();
        var partial = Directory.GetFiles(Path.Join(host.DataFolder, "staging")).Single(file => !file.EndsWith(".json", StringComparison.Ordinal));
        await using (var file = File.OpenWrite(partial))
        {
            file.Write("damaged"u8);
        }

        using var broken = await host.BlobAsync("up/team/app", Layer.Digest);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => broken.Content.ReadAsByteArrayAsync());
        using var again = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(await again.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task A_stalled_upstream_is_given_up_after_the_idle_limit_and_resumed()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        var stall = upstream.Arm(UpstreamFault.Stall, reference: Layer.Digest.ToString());
        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        var body = await response.Content.ReadAsStreamAsync();
        var start = new byte[Half / 2];
        await body.ReadExactlyAsync(start);

        // In steps, until it is done: nothing says when the server has begun the read that stalls.
        using var rest = new MemoryStream();
        rest.Write(start);
        var copying = body.CopyToAsync(rest);
        var patience = System.Diagnostics.Stopwatch.StartNew();
        while (!copying.IsCompleted && patience.Elapsed < Patience.Limit)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await Task.WhenAny(copying, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        await copying.WaitAsync(Patience.Limit);
        Assert.Equal(Layer.Digest, Layer.Digest.Rehash(rest.ToArray()));
        Assert.True(upstream.Requests(RequestKind.Blob).Last(request => request.Reference == Layer.Digest.ToString()).IsResume);
        stall.Disarm();
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }
}
