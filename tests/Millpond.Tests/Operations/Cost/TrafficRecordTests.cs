using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Operations.Cost;
using Millpond.Server.Telemetry;
using Millpond.Tests.Catalog;

namespace Millpond.Tests.Operations.Cost;

/// <summary>Counts outlive the server that made them, and say since when there are any.</summary>
public sealed class TrafficRecordTests
{
    [Fact]
    public async Task Counts_are_added_up_over_restarts_and_days()
    {
        await using var catalog = new TemporaryCatalog();
        var begun = catalog.Now;
        await RunAsync(catalog, counts =>
        {
            counts.Pull("quay", "miss");
            counts.Sent("quay", 1000);
        });
        catalog.Time.Advance(TimeSpan.FromDays(3));
        await catalog.ReopenAsync();
        var measured = await RunAsync(catalog, counts =>
        {
            counts.Pull("quay", "hit");
            counts.Pull("quay", "stale");
            counts.Pull("quay", "revalidated");
            counts.Pull("quay", "manifest_unknown");
            counts.Received("quay", 70);
            counts.Request("quay.io", "check");
            counts.Call("secretsmanager");
        });
        Assert.Equal((4, 2), (measured.Sum(TrafficCounts.OfRule, "quay", TrafficCounts.Pulls), measured.Sum(TrafficCounts.OfRule, "quay", TrafficCounts.Saved)));
        Assert.Equal((1000, 70), (measured.Sum(TrafficCounts.OfRule, TrafficCounts.BytesOut), measured.Sum(TrafficCounts.OfRule, TrafficCounts.BytesIn)));
        Assert.Equal((1, 1), (measured.Sum(TrafficCounts.OfUpstream, "quay.io", "check"), measured.Sum(TrafficCounts.OfService, "secretsmanager", TrafficCounts.Calls)));
        Assert.Equal((begun, 3.0, 10m), (measured.Since, measured.Days, measured.PerMonth));
    }

    [Fact]
    public async Task A_month_is_looked_at_and_two_are_kept()
    {
        await using var catalog = new TemporaryCatalog();
        MeasuredTraffic? measured = null;
        for (var day = 0; day < 70; day++)
        {
            measured = await RunAsync(catalog, counts => counts.Pull("quay", "hit"));
            catalog.Time.Advance(TimeSpan.FromDays(1));
        }

        Assert.Equal(30, measured!.Sum(TrafficCounts.OfRule, TrafficCounts.Pulls));
        Assert.InRange(measured.Days, 29, 30);
        Assert.InRange(measured.PerMonth, 1m, 1.04m);
        Assert.InRange(Rows(catalog), 62, 64);
    }

    [Fact]
    public async Task A_clock_that_was_years_ahead_takes_nothing_away()
    {
        await using var catalog = new TemporaryCatalog();
        await RunAsync(catalog, counts => counts.Pull("quay", "hit"));
        await catalog.Database.Control.Traffic.AddAsync(TrafficTable.DayOf(catalog.Now.AddYears(30)), [new(TrafficCounts.OfRule, "quay", TrafficCounts.Pulls, 5)]);
        await catalog.Database.Control.Traffic.SweepAsync();
        Assert.Equal(1, (await RunAsync(catalog, _ => { })).Sum(TrafficCounts.OfRule, TrafficCounts.Pulls));
    }

    [Fact]
    public async Task What_cannot_be_written_counts_later()
    {
        await using var catalog = new TemporaryCatalog();
        var counts = new TrafficCounts();
        await using var record = new TrafficRecord(catalog.Database.Control.Traffic, counts, catalog.Time, NullLogger<TrafficRecord>.Instance);
        counts.Pull("quay", "hit");
        counts.Request("quay.io", "pull");
        counts.Call("ecr");
        using (var other = new SqliteConnection($"Data Source={catalog.Folder}/catalog.db;Pooling=False"))
        {
            other.Open();
            using var held = other.BeginTransaction();
            Assert.Equal(0, (await record.ReadAsync(TestContext.Current.CancellationToken)).Sum(TrafficCounts.OfRule, TrafficCounts.Pulls));
        }

        catalog.Time.Advance(TimeSpan.FromSeconds(2));
        var measured = await record.ReadAsync(TestContext.Current.CancellationToken);
        Assert.Equal(
            (1, 1, 1, 1),
            (measured.Sum(TrafficCounts.OfRule, TrafficCounts.Pulls), measured.Sum(TrafficCounts.OfRule, TrafficCounts.Saved),
                measured.Sum(TrafficCounts.OfUpstream, "pull"), measured.Sum(TrafficCounts.OfService, TrafficCounts.Calls)));
    }

    [Fact]
    public void Names_without_end_take_no_memory_without_end()
    {
        var counts = new TrafficCounts();
        for (var i = 0; i < 100_000; i++)
        {
            counts.Pull($"rule{i}", "hit");
            counts.Request($"upstream{i}", "pull");
            counts.Call($"service{i}");
        }

        var taken = counts.Take();
        Assert.InRange(taken.Count, 4000, 4010);
        Assert.Equal(100_000, taken.Where(count => count.Counter == TrafficCounts.Pulls).Sum(count => count.Value));
        Assert.Equal(99_000, taken.Single(count => count is { Kind: TrafficCounts.OfService, Name: TrafficCounts.Others }).Value);
        Assert.Empty(counts.Take());
    }

    [Fact]
    public async Task Nothing_is_lost_or_counted_twice_while_it_is_taken()
    {
        var counts = new TrafficCounts();
        var adding = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 50_000; i++)
            {
                counts.Sent("quay", 3);
            }
        })));
        var sum = 0L;
        do
        {
            var taken = counts.Take();
            counts.Return(taken.Take(taken.Count / 2));
            sum += taken.Skip(taken.Count / 2).Sum(count => count.Value);
        }
        while (!adding.IsCompleted);
        await adding;
        Assert.Equal(600_000, sum + counts.Take().Sum(count => count.Value));
    }

    private static long Rows(TemporaryCatalog catalog)
    {
        using var connection = new SqliteConnection($"Data Source={catalog.Folder}/catalog.db;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT count(DISTINCT day) FROM traffic WHERE day > 0";
        return (long)command.ExecuteScalar()!;
    }

    private static async Task<MeasuredTraffic> RunAsync(TemporaryCatalog catalog, Action<TrafficCounts> count)
    {
        var counts = new TrafficCounts();
        await using var record = new TrafficRecord(catalog.Database.Control.Traffic, counts, catalog.Time, NullLogger<TrafficRecord>.Instance);
        count(counts);
        return await record.ReadAsync(TestContext.Current.CancellationToken);
    }
}
