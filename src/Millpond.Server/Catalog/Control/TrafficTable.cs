using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Catalog.Control;

/// <summary>What was counted, by day (UTC), of the last two months. Day 0 holds since when there are counts at all.</summary>
public sealed class TrafficTable
{
    /// <summary>A month is looked at; the rest is for those whose clock was wrong for a while.</summary>
    private const int KeptDays = 62;

    /// <summary>Counts written in one transaction, so that no other write waits long behind them.</summary>
    private const int WrittenAtOnce = 256;

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal TrafficTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    /// <summary>A day as it is written: days since 1970 in UTC.</summary>
    public static long DayOf(DateTimeOffset time) => (long)Math.Floor((time - DateTimeOffset.UnixEpoch).TotalDays);

    /// <summary>Counting began; where it had begun before, that stays.</summary>
    public Task BeginAsync(DateTimeOffset at) => writer.WriteAsync(connection => connection.Run(
        "INSERT INTO traffic (day, kind, name, counter, value) VALUES (0, 'since', '', '', @at) ON CONFLICT DO NOTHING", new { at = Times.Of(at) }));

    /// <summary>Since when there are counts; null where nothing was written yet.</summary>
    public ValueTask<DateTimeOffset?> FindBeginAsync() => reads.ReadAsync(connection => connection.FindAsync<DateTimeOffset?>(
        "SELECT value FROM traffic WHERE day = 0 AND kind = @k0", row => Times.Of(row.GetInt64(0)), "since"));

    /// <summary>Adds to a day's counts.</summary>
    /// <returns>How many of them are written: a catalog that fails on the way keeps those before.</returns>
    public async Task<int> AddAsync(long day, IReadOnlyList<TrafficCount> counts)
    {
        var written = 0;
        try
        {
            foreach (var some in counts.Chunk(WrittenAtOnce))
            {
                await writer.WriteAsync(connection => connection.RunEach(
                    """
                    INSERT INTO traffic (day, kind, name, counter, value) VALUES (@day, @kind, @name, @counter, @value)
                    ON CONFLICT (day, kind, name, counter) DO UPDATE SET value = value + excluded.value
                    """,
                    some.Select(count => new { day, count.Kind, count.Name, count.Counter, count.Value })));
                written += some.Length;
            }
        }
        catch (CatalogUnwrittenException)
        {
            // The writer has logged it, and the caller keeps the rest.
        }

        return written;
    }

    /// <summary>Deletes all but the last days that have counts. By their number, so that a clock that jumps takes none of them away.</summary>
    public Task SweepAsync() => writer.WriteAsync(connection => connection.Run(
        "DELETE FROM traffic WHERE day > 0 AND day < (SELECT min(day) FROM (SELECT DISTINCT day FROM traffic WHERE day > 0 ORDER BY day DESC LIMIT @kept))",
        new { kept = KeptDays }));

    /// <summary>The sums of some days, both ends included.</summary>
    public ValueTask<IReadOnlyList<TrafficCount>> SumAsync(long from, long to) => reads.ReadAsync(connection => connection.ListAsync(
        static row => new TrafficCount(row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3)),
        "SELECT kind, name, counter, sum(value) FROM traffic WHERE day BETWEEN @from AND @to AND day > 0 GROUP BY kind, name, counter ORDER BY kind, name, counter",
        new { from, to }));
}
