using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Cache;

/// <summary>
/// A bounded memory cache without a lock on its reads: two generations of a dictionary. What is used moves into the young one; when that
/// has grown to half the capacity it becomes the old one, and what nobody used meanwhile is gone.
/// </summary>
/// <param name="capacity">The most that both generations may cost together.</param>
/// <param name="cost">What one entry costs, in the capacity's unit.</param>
internal sealed class GenerationCache<TKey, TValue>(long capacity, Func<TValue, long> cost)
    where TKey : notnull
{
    private readonly Lock gate = new();
    private ConcurrentDictionary<TKey, TValue> young = new();
    private ConcurrentDictionary<TKey, TValue> old = new();
    private long youngCost;

    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (young.TryGetValue(key, out value))
        {
            return true;
        }

        if (!old.TryGetValue(key, out value))
        {
            return false;
        }

        value = Add(key, value);
        return true;
    }

    /// <summary>Sets what was read elsewhere, unless the key was set meanwhile; the value that holds.</summary>
    public TValue Add(TKey key, TValue value)
    {
        if (old.TryGetValue(key, out var held))
        {
            value = held;
        }

        if (young.TryAdd(key, value))
        {
            Grew(value);
            return value;
        }

        return young.TryGetValue(key, out held) ? held : value;
    }

    public void Set(TKey key, TValue value)
    {
        if (young.TryAdd(key, value))
        {
            Grew(value);
        }
        else
        {
            young[key] = value;
        }
    }

    public void Remove(TKey key)
    {
        young.TryRemove(key, out _);
        old.TryRemove(key, out _);
    }

    private void Grew(TValue value)
    {
        if (Interlocked.Add(ref youngCost, cost(value)) > capacity / 2)
        {
            lock (gate)
            {
                if (youngCost > capacity / 2)
                {
                    old = young;
                    young = new ConcurrentDictionary<TKey, TValue>();
                    youngCost = 0;
                }
            }
        }
    }
}
