using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Millpond.Images;
using Millpond.Tests.Cache;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>Clients that take more than their share: the program as it is released, and what they cost it and others.</summary>
[Trait("Category", "Heavy")]
public sealed class GreedyClientTests : IDisposable
{
    private const long Megabyte = 1024 * 1024;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Sixteen_clients_that_read_nothing_of_what_cannot_be_stored_leave_a_small_cold_blob_its_slot()
    {
        // More than the buffers of the connections on the way take.
        var large = TestBlob.Generated(seed: 801, length: 40 * Megabyte);
        var small = TestImages.OnePlatform(seed: 802);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/large", TestImages.WithLayers(large), "1");
        upstream.Add("team/small", small, "1");
        await using var host = await MillpondHost.StartAsync(
            upstream, new() { Configure = all => all with { Storage = all.Storage with { Limit = new(large.Length - 1, 0), Headroom = new(0, 0) } } });
        await host.PullManifestAsync("up/team/large", "1");
        await host.PullManifestAsync("up/team/small", "1");
        var idle = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => host.BlobAsync("up/team/large", large.Digest)));
        await upstream.WhenRequestsReach(16, RequestKind.Blob);

        var watch = Stopwatch.StartNew();
        await host.PullAsync("up/team/small", small, "1");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(6));

        await Task.WhenAll(idle.Select(async answer =>
        {
            using (answer)
            {
                await using var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
                var hash = await System.Security.Cryptography.SHA256.HashDataAsync(body, TestContext.Current.CancellationToken);
                Assert.Equal(large.Digest.Hex, Convert.ToHexStringLower(hash));
            }
        }));

        // Not all had lost theirs when the first gave its slot to the small one, and all began to read.
        Assert.InRange(upstream.Requests(RequestKind.Blob).Count(request => request.Reference == large.Digest.ToString() && request.IsResume), 1, 16);
    }

    [Fact]
    public async Task The_first_byte_of_a_gibibyte_costs_its_upstream_next_to_nothing()
    {
        var layer = TestBlob.Generated(seed: 803, length: 1024 * Megabyte);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Rate = 64 * Megabyte;
        upstream.Add("team/app", TestImages.WithLayers(layer), "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/app", "1");
        using (var glance = await host.BlobAsync("up/team/app", layer.Digest, "bytes=0-0"))
        {
            Assert.Single(await glance.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }

        await host.Log.WhenLineAsync($"Paused {layer.Digest}");
        await upstream.WhenIdle();
        Assert.InRange(upstream.BytesSentOf(layer.Digest), 1, 32 * Megabyte);
    }

    [Fact]
    public async Task Sixteen_thousand_requests_with_15_KB_of_ns_leave_no_memory_taken()
    {
        await using var millpond = await MillpondProcess.StartAsync(folder.File("data"), ["--upstream", $"quay={FakeUpstream.RefusedAddress}"]);
        await millpond.WhenRehearsedAsync(folder.File("data"));
        var before = millpond.Memory;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(connection => AskAsync(millpond.Address, connection, 1000)));

        Assert.InRange(millpond.PeakMemory - before, 0, 100 * Megabyte);
        TestContext.Current.TestOutputHelper!.WriteLine("16,000 requests with 15 KB of ns: from {0} to at most {1} MB", before / Megabyte, millpond.PeakMemory / Megabyte);

        static async Task AskAsync(Uri server, int connection, int requests)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(server.Host, server.Port, TestContext.Current.CancellationToken);
            await using var stream = client.GetStream();
            var reading = ReadAsync(stream, requests);
            for (var i = 0; i < requests; i++)
            {
                // Each name is another, of the path too: whatever is remembered of any of them is remembered.
                var ns = $"{connection}-{i}-{new string('n', 15_000)}";
                var request = $"GET /v2/team{connection}/app{i}/manifests/1?ns={ns} HTTP/1.1\r\nHost: {server.Authority}\r\n{(i == requests - 1 ? "Connection: close\r\n" : "")}\r\n";
                await stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
            }

            Assert.Equal(requests, await reading);
        }

        // Answers that are no pull: refused, each of them.
        static async Task<int> ReadAsync(NetworkStream stream, int requests)
        {
            using var reader = new StreamReader(stream, Encoding.UTF8, leaveOpen: true);
            var refused = 0;
            while (refused < requests && await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                // The line before may have ended without a break: bodies have none.
                refused += line.Contains("HTTP/1.1 4", StringComparison.Ordinal) ? 1 : 0;
            }

            return refused;
        }
    }

    [Fact]
    public async Task A_download_that_was_killed_at_1_of_200_MB_evicts_nothing_after_the_start()
    {
        var cached = TestBlob.Generated(seed: 804, length: 60 * Megabyte);
        var killed = TestBlob.Generated(seed: 805, length: 200 * Megabyte);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/cached", TestImages.WithLayers(cached), "1");
        upstream.Add("team/killed", TestImages.WithLayers(killed), "1");
        string[] arguments = ["--upstream", $"quay={upstream.Address}"];
        var limit = new Dictionary<string, string> { ["MILLPOND__STORAGE__LIMIT"] = "280MiB", ["MILLPOND__STORAGE__HEADROOM"] = "0B" };
        await using (var first = await MillpondProcess.StartAsync(folder.File("data"), arguments, limit))
        {
            using var clients = new HashingClients(first.Address);
            await clients.ManifestAsync("quay/team/cached", "1");
            Assert.Equal(cached.Digest, (await clients.BlobAsync("quay/team/cached", cached.Digest)).Digest);

            // Its client has it before the disk has: a kill in between is another test's, and another promise.
            using var metrics = new HttpClient { BaseAddress = first.Address };
            await WhenAsync(async () => (await metrics.GetStringAsync("/metrics")).Contains("outcome=\"stored\"", StringComparison.Ordinal));
            await clients.ManifestAsync("quay/team/killed", "1");
            var gate = upstream.Park(killed.Digest, after: Megabyte);
            var pull = clients.BlobAsync("quay/team/killed", killed.Digest);
            await gate.WhenReached();
            await WhenAsync(async () => await AllocatedAsync("staging", killed.Digest) > 100 * Megabyte);
            await first.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => pull);
            gate.Open();
        }

        // With what was reserved it would be over this limit.
        limit["MILLPOND__STORAGE__LIMIT"] = "100MiB";
        await using var second = await MillpondProcess.StartAsync(folder.File("data"), arguments, limit);
        // As much as had been written when it was killed.
        Assert.InRange(await AllocatedAsync("staging", killed.Digest), 1, 2 * Megabyte);
        upstream.GoDown();
        using var again = new HashingClients(second.Address);
        Assert.Equal(cached.Digest, (await again.BlobAsync("quay/team/cached", cached.Digest)).Digest);
    }

    /// <summary>What the blob's file takes of the disk, which .NET does not say.</summary>
    private async Task<long> AllocatedAsync(string part, Digest digest)
    {
        var file = Directory.EnumerateFiles(folder.File("data"), $"*{digest.Hex}", SearchOption.AllDirectories).FirstOrDefault(path => path.Contains(part, StringComparison.Ordinal));
        if (file is null)
        {
            return 0;
        }

        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b", file]) { RedirectStandardOutput = true })!;
        var blocks = await stat.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return long.Parse(blocks, System.Globalization.CultureInfo.InvariantCulture) * 512;
    }

    private static async Task WhenAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
