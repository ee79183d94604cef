using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

/// <summary>
/// What an upstream's rate-limit headers and 429 answers allow. A pull that counts is counted here until an answer says what is left, so
/// that many at once do not overshoot.
/// </summary>
internal sealed class RateBudget(TimeProvider time)
{
    /// <summary>Background work stops when less than this share of the limit is left: the rest is for clients that wait.</summary>
    private const double BackgroundShare = 0.25;

    /// <summary>A 429 without Retry-After: long enough to be polite, short enough that a client's own retries meet an answer.</summary>
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(30);

    /// <summary>
    /// However long an upstream asks to be left alone, it is asked again after this: one more 429 is not counted by anybody, and a header of a
    /// day must not stop cold pulls for a day.
    /// </summary>
    private static readonly TimeSpan LongestThrottle = TimeSpan.FromMinutes(15);

    private readonly Lock gate = new();
    private int running;
    private int untold;
    private RateLimit? last;

    // Timestamps, which no change of the time of day moves.
    private long lastAt;
    private long throttledAt;
    private TimeSpan throttledFor;

    public RateLimit? Last
    {
        get
        {
            lock (gate)
            {
                return last;
            }
        }
    }

    public DateTimeOffset? ThrottledUntil
    {
        get
        {
            lock (gate)
            {
                return ThrottledNow() is { } left ? time.GetUtcNow() + left : null;
            }
        }
    }

    /// <summary>Whether little is left: background work waits and tags are checked less often.</summary>
    public bool IsLow
    {
        get
        {
            lock (gate)
            {
                return IsLowNow();
            }
        }
    }

    /// <summary>How long the upstream asked to be left alone, or null.</summary>
    public TimeSpan? Throttled
    {
        get
        {
            lock (gate)
            {
                return ThrottledNow();
            }
        }
    }

    /// <summary>Before a request that counts against the limit; <see cref="Spent"/> after it.</summary>
    /// <returns>False where background work would spend what is kept for clients.</returns>
    public bool TrySpend(bool isBackground)
    {
        lock (gate)
        {
            if (isBackground && IsLowNow())
            {
                return false;
            }

            running++;
            return true;
        }
    }

    /// <summary>The request has ended; where its answer said nothing of what is left, it is taken off what was said last.</summary>
    public void Spent(bool isTold)
    {
        lock (gate)
        {
            running--;
            untold = isTold ? 0 : untold + 1;
        }
    }

    public void Learn(UpstreamOutcome outcome, TimeSpan? retryAfter, RateLimit? limit)
    {
        lock (gate)
        {
            if (limit is not null)
            {
                last = limit;
                lastAt = time.GetTimestamp();
            }

            if (outcome == UpstreamOutcome.Throttled)
            {
                var asked = retryAfter ?? DefaultRetryAfter;
                throttledAt = time.GetTimestamp();
                throttledFor = asked < LongestThrottle ? asked : LongestThrottle;
            }
            else if (outcome == UpstreamOutcome.Found && limit is { Remaining: > 0 })
            {
                throttledFor = default;
            }
        }
    }

    private TimeSpan? ThrottledNow()
    {
        var left = throttledFor - time.GetElapsedTime(throttledAt);
        return left > TimeSpan.Zero ? left : null;
    }

    private bool IsLowNow() => ThrottledNow() is not null
        || last is not null && time.GetElapsedTime(lastAt) < last.Window && last.Remaining - running - untold <= last.Limit * BackgroundShare;
}
