namespace Millpond.Server.Bounded;

/// <summary>
/// How long each of many things is left alone after it failed: doubling from failure to failure, forgotten when it goes well. Where too
/// many fail at once the oldest are forgotten first.
/// </summary>
/// <param name="bytes">The most memory that all entries may take together.</param>
/// <param name="cost">What one key and the reason of its failure cost beside the entry, in bytes.</param>
internal sealed class BackOffs<TKey, TWhy>(TimeProvider time, TimeSpan first, TimeSpan longest, long bytes, Func<TKey, TWhy, long> cost)
    where TKey : notnull
{
    /// <summary>An entry in two dictionaries' nodes, about.</summary>
    private const int Overhead = 160;

    private readonly Lock gate = new();
    private readonly GenerationCache<TKey, BackOff> failed = new(bytes, (key, entry) => cost(key, entry.Why) + Overhead);

    /// <summary>How much longer the thing is to be left alone, and why; null where it may be asked for.</summary>
    public (TimeSpan Left, TWhy Why)? Find(TKey key) => failed.TryGet(key, out var last) && LeftOf(last) is { } left ? (left, last.Why) : null;

    /// <summary>It failed. Within its back-off it is the same failure: many may have waited for it.</summary>
    public void Failed(TKey key, TWhy why)
    {
        lock (gate)
        {
            var delay = first;
            if (failed.TryGet(key, out var last))
            {
                if (LeftOf(last) is not null)
                {
                    return;
                }

                delay = last.Delay * 2 < longest ? last.Delay * 2 : longest;
            }

            failed.Set(key, new BackOff(time.GetTimestamp(), delay, why));
        }
    }

    public void Succeeded(TKey key) => failed.Remove(key);

    private TimeSpan? LeftOf(BackOff last)
    {
        // By timestamps, which no change of the time of day moves; a clock that goes backwards all the same prolongs nothing.
        var passed = time.GetElapsedTime(last.At);
        return passed >= TimeSpan.Zero && passed < last.Delay ? last.Delay - passed : null;
    }

    private sealed record BackOff(long At, TimeSpan Delay, TWhy Why);
}
