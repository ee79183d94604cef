using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// Everything at once for most of a minute: pulls, ranges and clients that leave; upstreams that cut, lie, throttle and die; tags that move,
/// a prefix that is pointed elsewhere, eviction, a catalog that another program holds, and kill -9. No wrong byte, no 500, no hang.
/// </summary>
[Trait("Category", "Heavy")]
public sealed class TortureTests : IDisposable
{
    private const int Clients = 24;

    private static readonly TimeSpan Length = TimeSpan.FromSeconds(45);

    private static readonly UpstreamFault[] Faults =
    [
        UpstreamFault.CutAtStart, UpstreamFault.CutAtHalf, UpstreamFault.CutBeforeLastByte, UpstreamFault.IgnoresRange, UpstreamFault.WrongRangeStart,
        UpstreamFault.WrongBytes, UpstreamFault.EmptyBody, UpstreamFault.ShortContentLength, UpstreamFault.LongContentLength, UpstreamFault.NoContentLength,
        UpstreamFault.GzipBody, UpstreamFault.ServerError, UpstreamFault.LyingDigestHeader,
    ];

    private readonly TemporaryFolder folder = new();
    private readonly ConcurrentQueue<string> wrongs = new();
    private readonly ConcurrentDictionary<string, int> tally = new(StringComparer.Ordinal);
    private readonly Random random = new(4711);
    private (Uri Address, string SwapUpstream) server;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task No_wrong_byte_no_500_and_no_hang_while_everything_goes_wrong_at_once()
    {
        await using var world = await TortureWorld.StartAsync();
        var millpond = await StartAsync(world, "first");
        try
        {
            using var ending = new CancellationTokenSource(Length);
            var clients = Enumerable.Range(0, Clients).Select(i => new TortureClient(world, () => server, i, wrongs, tally)).ToList();
            var running = clients.Select(client => Task.Run(() => client.RunAsync(ending.Token))).ToList();
            for (var round = 0; !ending.IsCancellationRequested; round++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, CancellationToken.None);
                millpond = await GoWrongAsync(world, millpond, round);
            }

            world.First.DisarmAll();
            world.Second.DisarmAll();
            world.First.ComeBack();
            world.Second.ComeBack();
            await Task.WhenAll(running);
            clients.ForEach(client => client.Dispose());
            await HealedAsync(world);
        }
        finally
        {
            await millpond.DisposeAsync();
        }

        TestContext.Current.TestOutputHelper!.WriteLine(string.Join("; ", tally.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value}")));
        Assert.True(wrongs.IsEmpty, string.Join('\n', wrongs.Distinct().Take(20)) + "\n" + millpond.Output[^Math.Min(4000, millpond.Output.Length)..]);
        Assert.All((string[])["blob 200", "range 206", "given up 200", "manifest 200", "head 200", "private 404"], what => Assert.True(tally.ContainsKey(what), what));
    }

    /// <summary>One more thing goes wrong; returns the server that runs then.</summary>
    private async Task<MillpondProcess> GoWrongAsync(TortureWorld world, MillpondProcess millpond, int round)
    {
        var upstream = random.Next(2) == 0 ? world.First : world.Second;
        switch (random.Next(8))
        {
            case 0:
                world.MoveTag(random.Next(3), random.Next(world.All.Count));
                break;
            case 1:
                upstream.GoDown();
                break;
            case 2:
                await HoldCatalogAsync(TimeSpan.FromMilliseconds(random.Next(200, 1500)));
                break;
            default:
                upstream.Arm(Faults[random.Next(Faults.Length)], times: random.Next(1, 4));
                break;
        }

        if (round % 3 == 2)
        {
            world.First.ComeBack();
            world.Second.ComeBack();
        }

        if (round % 20 != 19)
        {
            return millpond;
        }

        await millpond.KillAsync();
        await millpond.DisposeAsync();
        return await StartAsync(world, server.SwapUpstream == "first" ? "second" : "first");
    }

    /// <summary>Another program (a backup, an administrator's shell) holds the catalog for a while.</summary>
    private async Task HoldCatalogAsync(TimeSpan held)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Join(folder.File("data"), "catalog.db")};Pooling=False;Default Timeout=1");
        try
        {
            await connection.OpenAsync();
            await using var begin = connection.CreateCommand();
            begin.CommandText = "BEGIN IMMEDIATE";
            await begin.ExecuteNonQueryAsync();
            await Task.Delay(held, TimeProvider.System);
            begin.CommandText = "ROLLBACK";
            await begin.ExecuteNonQueryAsync();
        }
        catch (SqliteException)
        {
            // The server was writing all the while: then this program had to wait, as it should.
        }
    }

    /// <summary>What went wrong is over: every image is pulled whole, within the back-offs.</summary>
    private async Task HealedAsync(TortureWorld world)
    {
        using var clients = new HashingClients(server.Address);
        foreach (var (image, number) in world.All.Select((image, number) => (image, number)))
        {
            foreach (var blob in image.Blobs)
            {
                await EventuallyAsync(async () => Assert.Equal((blob.Length, blob.Digest), await clients.BlobAsync($"up/{TortureWorld.RepositoryOf(number)}", blob.Digest)));
            }

            await EventuallyAsync(async () => Assert.Equal(image.Digest, await clients.ManifestAsync($"up/{TortureWorld.RepositoryOf(number)}", image.Digest.ToString())));
        }
    }

    private static async Task EventuallyAsync(Func<Task> check)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (true)
        {
            try
            {
                await check();
                return;
            }
            catch (Exception) when (!patience.IsCancellationRequested)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, CancellationToken.None);
            }
        }
    }

    private async Task<MillpondProcess> StartAsync(TortureWorld world, string swap)
    {
        var millpond = await MillpondProcess.StartAsync(
            folder.File("data"),
            ["--upstream", $"up={world.First.Address}", "--upstream", $"swap={(swap == "first" ? world.First.Address : world.Second.Address)}"],
            new Dictionary<string, string> { ["MILLPOND__STORAGE__LIMIT"] = "14MiB", ["MILLPOND__DEFAULTS__REVALIDATEAFTER"] = "1s" });
        server = (millpond.Address, swap);
        return millpond;
    }
}
