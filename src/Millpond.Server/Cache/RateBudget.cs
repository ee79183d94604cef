using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>What an upstream's rate-limit headers and 429 answers allow.</summary>
internal sealed class RateBudget(TimeProvider time)
{
    /// <summary>Background work stops when less than this share of the limit is left: the rest is for clients that wait.</summary>
    private const double BackgroundShare = 0.25;

    /// <summary>A 429 without Retry-After: long enough to be polite, short enough that a client's own retries meet an answer.</summary>
    private static readonly TimeSpan DefaultRetryAfter = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private RateLimit? last;
    private DateTimeOffset lastAt;
    private DateTimeOffset throttledUntil;

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
                return throttledUntil > time.GetUtcNow() ? throttledUntil : null;
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
                var now = time.GetUtcNow();
                return throttledUntil > now
                    || last is not null && now - lastAt < last.Window && last.Remaining <= last.Limit * BackgroundShare;
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
                var left = throttledUntil - time.GetUtcNow();
                return left > TimeSpan.Zero ? left : null;
            }
        }
    }

    public void Learn(UpstreamOutcome outcome, TimeSpan? retryAfter, RateLimit? limit)
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            if (limit is not null)
            {
                last = limit;
                lastAt = now;
            }

            if (outcome == UpstreamOutcome.Throttled)
            {
                throttledUntil = now + (retryAfter ?? DefaultRetryAfter);
            }
            else if (outcome == UpstreamOutcome.Found && limit is { Remaining: > 0 })
            {
                throttledUntil = default;
            }
        }
    }
}
