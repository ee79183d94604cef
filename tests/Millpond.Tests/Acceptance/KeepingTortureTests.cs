using System.Collections.Concurrent;
using System.Globalization;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>
/// Pull, push, expiry, eviction, collection and scrub all at once, with a collector whose clock is weeks ahead, so that whatever it may take
/// it takes at once. Every byte is compared; a pull never fails while its upstream answers; what was acknowledged is there.
/// </summary>
[Trait("Category", "Heavy")]
public sealed class KeepingTortureTests
{
    /// <summary>How many times two minutes.</summary>
    private const string Rounds = "MILLPOND_KEEPING_ROUNDS";

    private const int Images = 16;
    private const int Pullers = 6;
    private const int Pushers = 3;

    private static readonly TimeSpan Ahead = TimeSpan.FromDays(40);

    private readonly ConcurrentQueue<string> wrongs = new();
    private readonly ConcurrentDictionary<string, int> tally = new(StringComparer.Ordinal);

    [Fact]
    public async Task No_wrong_byte_no_failed_pull_and_no_lost_push_while_everything_goes_that_may()
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable(Rounds), CultureInfo.InvariantCulture, out var wanted) ? wanted : 1;
        await using var upstream = await FakeUpstream.StartAsync();
        var images = Enumerable.Range(0, Images).Select(Image).ToList();
        foreach (var (image, number) in images.Select((image, number) => (image, number)))
        {
            upstream.Add($"app{number % 4}", image, $"v{number}", "latest");
        }

        await using var millpond = await MillpondHost.StartAsync(upstream, new()
        {
            AllowErrors = true,
            Configure = configuration => configuration with { Storage = configuration.Storage with { Limit = new(6_000_000, 0), Headroom = new(0, 0) } },
        });
        using var ending = new CancellationTokenSource(TimeSpan.FromMinutes(rounds));
        var pushers = Enumerable.Range(0, Pushers).Select(number => new KeepingClient(millpond, number, wrongs, tally)).ToList();
        Task[] work =
        [
            .. Enumerable.Range(0, Pullers).Select(number => Task.Run(() => PullAsync(millpond, images, new Random(number), ending.Token), CancellationToken.None)),
            .. pushers.Select(pusher => Task.Run(() => pusher.RunAsync(ending.Token), CancellationToken.None)),
            Task.Run(() => ExpireAsync(millpond, upstream, images, new Random(99), ending.Token), CancellationToken.None),
            Task.Run(() => CollectAsync(millpond, ending.Token), CancellationToken.None),
            Task.Run(() => ScrubAsync(millpond, ending.Token), CancellationToken.None),
            Task.Run(() => PinAsync(millpond, new Random(98), ending.Token), CancellationToken.None),
        ];
        await Task.WhenAll(work);
        foreach (var pusher in pushers)
        {
            await pusher.CheckAllAsync();
        }

        foreach (var (image, number) in images.Select((image, number) => (image, number)))
        {
            await millpond.PullAsync($"up/app{number % 4}", image);
        }

        TestContext.Current.TestOutputHelper!.WriteLine(string.Join("; ", tally.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value}")));
        Assert.True(wrongs.IsEmpty, string.Join('\n', wrongs.Distinct().Take(20)));
        Assert.All((string[])["pulled", "expired", "passes", "scrubbed", "manifest 201", "delete 202"], what => Assert.True(tally.ContainsKey(what), what));
        var metrics = await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/metrics"), TestContext.Current.CancellationToken);
        Assert.Contains("millpond_collected_bytes_total ", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("millpond_scrub_damaged_total{", metrics, StringComparison.Ordinal);
    }

    private static TestImage Image(int number) => TestImages.WithLayers(
        TestBlob.Generated(seed: 300 + number % 5, length: 150_000 + number % 5), TestBlob.Generated(seed: 400 + number, length: 50_000 * (1 + number % 8) + number));

    private async Task PullAsync(MillpondHost millpond, List<TestImage> images, Random random, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            var number = random.Next(images.Count);
            var (image, repository) = (images[number], $"up/app{number % 4}");
            try
            {
                await millpond.PullAsync(repository, image, random.Next(2) == 0 ? $"v{number}" : null);
                tally.AddOrUpdate("pulled", 1, static (_, count) => count + 1);
            }
            catch (Exception failure)
            {
                wrongs.Enqueue($"{repository} {number}: {failure.Message}");
            }
        }
    }

    /// <summary>As expiry does it, and what untags: deletes of manifests and tags, and tags that move.</summary>
    private async Task ExpireAsync(MillpondHost millpond, FakeUpstream upstream, List<TestImage> images, Random random, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            var number = random.Next(images.Count);
            var reference = random.Next(3) switch { 0 => $"v{number}", 1 => "latest", _ => images[number].Digest.ToString() };
            upstream.Tag($"app{number % 4}", "latest", images[number].Digest);
            using var request = new HttpRequestMessage(HttpMethod.Delete, new Uri(millpond.Address, $"/v2/up/app{number % 4}/manifests/{reference}"));
            using var response = await millpond.Client.SendAsync(request, CancellationToken.None);
            if ((int)response.StatusCode is not (202 or 404 or 503))
            {
                wrongs.Enqueue($"a delete was answered {(int)response.StatusCode}");
            }

            tally.AddOrUpdate(response.IsSuccessStatusCode ? "expired" : "not there", 1, static (_, count) => count + 1);
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(30)), TimeProvider.System, CancellationToken.None);
        }
    }

    private async Task CollectAsync(MillpondHost millpond, CancellationToken until)
    {
        var collector = millpond.Server.Collection.CollectorOf(TimeSpan.Zero, new AheadClock(Ahead));
        while (!until.IsCancellationRequested)
        {
            try
            {
                await collector.PassAsync(CancellationToken.None);
                tally.AddOrUpdate("passes", 1, static (_, count) => count + 1);
            }
            catch (Server.Catalog.CatalogUnwrittenException)
            {
                tally.AddOrUpdate("passes interrupted", 1, static (_, count) => count + 1);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None);
        }
    }

    private async Task ScrubAsync(MillpondHost millpond, CancellationToken until)
    {
        var (garbage, scrub) = (millpond.Server.Collection.Catalog.Collection.Garbage, millpond.Server.Collection.Scrub);
        for (var after = ""; !until.IsCancellationRequested;)
        {
            var page = await garbage.BlobsAsync(after, 10);
            foreach (var blob in page)
            {
                await scrub.CheckAsync(blob, _ => default, CancellationToken.None);
                tally.AddOrUpdate("scrubbed", 1, static (_, count) => count + 1);
            }

            after = page.Count == 0 ? "" : page[^1].Digest.ToString();
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
        }
    }

    private static async Task PinAsync(MillpondHost millpond, Random random, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            var pattern = $"up/app{random.Next(4)}:v{random.Next(Images)}";
            await millpond.Server.Collection.Pins.AddAsync(pattern, CancellationToken.None);
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, CancellationToken.None);
            await millpond.Server.Collection.Pins.RemoveAsync(pattern);
        }
    }

    /// <summary>Now, and so much later.</summary>
    private sealed class AheadClock(TimeSpan ahead) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + ahead;
    }
}
