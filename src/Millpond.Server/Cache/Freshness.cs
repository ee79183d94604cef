using System.Collections.Concurrent;
using Millpond.Images;

namespace Millpond.Server.Cache;

/// <summary>When a tag or list is due for a check, and how long checks that failed are left alone. Remembers only what failed.</summary>
internal sealed class Freshness(TimeProvider time)
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(15);

    /// <summary>How much longer a check may wait while little is left of the upstream's rate limit.</summary>
    private const int LowBudgetStretch = 4;

    /// <summary>Bounds the memory of a long outage with very many tags; the whole is dropped when full and the breaker carries on.</summary>
    private const int Capacity = 100_000;

    private readonly ConcurrentDictionary<(RepositoryName, string), BackOff> failed = new();

    /// <summary>Whether a check is due. A check time in the future is a clock that was set back: due.</summary>
    public bool IsDue(DateTimeOffset checkedAt, TimeSpan lifetime, bool budgetIsLow)
    {
        var age = time.GetUtcNow() - checkedAt;
        return age < TimeSpan.Zero || age >= (budgetIsLow ? lifetime * LowBudgetStretch : lifetime);
    }

    /// <summary>Whether an earlier check failed so lately that the next waits.</summary>
    public bool BacksOff(RepositoryName repository, string reference)
    {
        if (!failed.TryGetValue((repository, reference), out var last))
        {
            return false;
        }

        var now = time.GetUtcNow();
        return now >= last.At && now < last.At + last.Delay;
    }

    /// <summary>A check failed. Within a back-off it is the same failure: many may have waited for it.</summary>
    public void Failed(RepositoryName repository, string reference)
    {
        if (failed.Count >= Capacity)
        {
            failed.Clear();
        }

        var now = time.GetUtcNow();
        failed.AddOrUpdate(
            (repository, reference),
            static (_, at) => new BackOff(at, FirstBackOff),
            static (_, last, at) => at >= last.At && at < last.At + last.Delay
                ? last
                : new BackOff(at, TimeSpan.FromTicks(Math.Min(last.Delay.Ticks * 2, LongestBackOff.Ticks))),
            now);
    }

    public void Succeeded(RepositoryName repository, string reference) => failed.TryRemove((repository, reference), out _);

    private sealed record BackOff(DateTimeOffset At, TimeSpan Delay);
}
