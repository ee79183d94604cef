using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations.Cost;

/// <summary>Writes down what is counted, every few minutes and at the end, and reads what was counted in the last thirty days. A crash loses the last minutes.</summary>
internal sealed partial class TrafficRecord : IAsyncDisposable
{
    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(5);

    /// <summary>Whole days in UTC, with the one that is running: thirty days at most.</summary>
    private const int DaysBefore = 29;

    private static readonly TimeSpan LeastAge = TimeSpan.FromSeconds(1);

    private readonly TrafficTable table;
    private readonly TrafficCounts counts;
    private readonly TimeProvider time;
    private readonly ILogger<TrafficRecord> log;
    private readonly DateTimeOffset started;
    private readonly Recurring writing;
    private readonly SemaphoreSlim turn = new(1);
    private (MeasuredTraffic Traffic, long At)? last;
    private long sweptOn;
    private bool hasBegun;

    public TrafficRecord(TrafficTable table, TrafficCounts counts, TimeProvider time, ILogger<TrafficRecord> log)
    {
        this.table = table;
        this.counts = counts;
        this.time = time;
        this.log = log;
        started = time.GetUtcNow();
        writing = new(time, WriteEvery, WriteAsync);
    }

    /// <summary>What was counted until now, or a second ago: one at a time looks, for it is a write and a sum.</summary>
    /// <exception cref="CatalogUnreadableException">The catalog cannot be read.</exception>
    public async Task<MeasuredTraffic> ReadAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            if (last is not { } known || time.GetElapsedTime(known.At) >= LeastAge)
            {
                last = known = (await LookAsync(), time.GetTimestamp());
            }

            return known.Traffic;
        }
        finally
        {
            turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await writing.DisposeAsync();
        await WriteAsync();
        turn.Dispose();
    }

    private async Task<MeasuredTraffic> LookAsync()
    {
        await WriteAsync();
        var now = time.GetUtcNow();
        var today = TrafficTable.DayOf(now);
        var begun = await table.FindBeginAsync() ?? started;
        var first = DateTimeOffset.UnixEpoch.AddDays(today - DaysBefore);

        // A clock that was wrong may have begun in the future.
        var since = begun > now ? first : begun > first ? begun : first;
        return new(since, now, await table.SumAsync(today - DaysBefore, today));
    }

    private async Task WriteAsync()
    {
        IReadOnlyList<TrafficCount> taken = [];
        var written = 0;
        try
        {
            if (!hasBegun)
            {
                await table.BeginAsync(started);
                hasBegun = true;
            }

            var today = TrafficTable.DayOf(time.GetUtcNow());
            taken = counts.Take();
            written = await table.AddAsync(today, taken);
            if (Interlocked.Exchange(ref sweptOn, today) != today)
            {
                await table.SweepAsync();
            }
        }
        catch (CatalogUnwrittenException)
        {
            // The writer has logged it; what was counted still counts.
        }
        catch (ObjectDisposedException failure)
        {
            Log.Lost(log, failure);
        }
        finally
        {
            counts.Return(taken.Skip(written));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "What was counted since the last minutes could not be written down: the catalog is closed")]
        public static partial void Lost(ILogger logger, Exception exception);
    }
}
