using System.Globalization;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog.Expiry;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>
/// Whether the clock may be believed: one that has leapt a week or more beyond what this server ran or was stopped would make everything old at once.
/// Policies then wait for a day, in which it can be set right; the guard keeps the last copies of caches in any case, but what was pushed has nothing else.
/// </summary>
internal sealed partial class ClockWatch(LifecycleTable table, TimeProvider time, ILogger<ClockWatch> log)
{
    private const string SeenAt = "seen_at";
    private const string LeaptAt = "leapt_at";

    /// <summary>A shorter leap is a machine that slept, or a server that was stopped over a week-end.</summary>
    private static readonly TimeSpan Leap = TimeSpan.FromDays(7);

    private static readonly TimeSpan Wait = TimeSpan.FromDays(1);

    private (DateTimeOffset Utc, long Timestamp)? last;

    /// <summary>To be asked again and again: what it compares with is the time of the question before, also before a restart.</summary>
    public async Task<bool> IsSteadyAsync()
    {
        var (now, timestamp) = (time.GetUtcNow(), time.GetTimestamp());
        var expected = last is { } seen ? seen.Utc + time.GetElapsedTime(seen.Timestamp, timestamp) : await ReadAsync(SeenAt);
        if (now - expected > Leap)
        {
            Log.Leapt(log, expected!.Value, now, now + Wait);
            await WriteAsync(LeaptAt, now);
        }

        last = (now, timestamp);
        await WriteAsync(SeenAt, now);
        if (await ReadAsync(LeaptAt) is not { } leapt)
        {
            return true;
        }

        if (now >= leapt && now - leapt < Wait)
        {
            return false;
        }

        // Long enough ago, or set back since.
        await BelieveAsync();
        return true;
    }

    /// <summary>Somebody says that the clock is right.</summary>
    public Task BelieveAsync() => table.PutStateAsync(LeaptAt, null);

    private async ValueTask<DateTimeOffset?> ReadAsync(string name) =>
        long.TryParse(await table.FindStateAsync(name), NumberStyles.None, CultureInfo.InvariantCulture, out var at) ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;

    private Task WriteAsync(string name, DateTimeOffset at) => table.PutStateAsync(name, at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));

    private static partial class Log
    {
        [LoggerMessage(2401, LogLevel.Warning, "The clock says {Now}, where {Expected} was expected: no lifecycle policy runs before {Until}. Set the clock right, or say 'millpond lifecycle run' where it is")]
        public static partial void Leapt(ILogger logger, DateTimeOffset expected, DateTimeOffset now, DateTimeOffset until);
    }
}
