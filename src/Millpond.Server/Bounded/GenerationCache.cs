using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Bounded;

/// <summary>
/// A bounded memory cache without a lock on its reads: two generations of a dictionary. What is used moves into the young one; when that
/// has grown to half the capacity it becomes the old one, and what nobody used meanwhile is gone.
/// </summary>
/// <param name="capacity">The most that both generations may cost together.</param>
/// <param name="cost">What one entry costs, in the capacity's unit.</param>
internal sealed class GenerationCache<TKey, TValue>(long capacity, Func<TKey, TValue, long> cost)
    where TKey : notnull
{
    /// <inheritdoc cref="GenerationCache{TKey, TValue}(long, Func{TKey, TValue, long})"/>
    public GenerationCache(long capacity, Func<TValue, long> cost)
        : this(capacity, (_, value) => cost(value))
    {
    }

    private readonly Lock gate = new();
    private ConcurrentDictionary<TKey, TValue> young = new();
    private ConcurrentDictionary<TKey, TValue> old = new();
    private long youngCost;
    private long removals;

    /// <summary>Changes with each removal. Read before what is read elsewhere and then given to <see cref="Add(TKey, TValue, long)"/>.</summary>
    public long Removals => Volatile.Read(ref removals);

    /// <summary>How many entries are held, some perhaps twice.</summary>
    public int Count => young.Count + old.Count;

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
            Grew(key, value);
            return value;
        }

        return young.TryGetValue(key, out held) ? held : value;
    }

    /// <summary>As <see cref="Add(TKey, TValue)"/>, but where anything was removed since it was read: that may have been what was read.</summary>
    /// <param name="asOf">What <see cref="Removals"/> was before it was read.</param>
    public TValue Add(TKey key, TValue value, long asOf)
    {
        if (Removals != asOf)
        {
            return value;
        }

        var holds = Add(key, value);
        if (Removals != asOf)
        {
            // Removed between the look and the addition.
            young.TryRemove(new KeyValuePair<TKey, TValue>(key, value));
            old.TryRemove(new KeyValuePair<TKey, TValue>(key, value));
        }

        return holds;
    }

    public void Set(TKey key, TValue value)
    {
        if (young.TryAdd(key, value))
        {
            Grew(key, value);
        }
        else
        {
            young[key] = value;
        }
    }

    public void Remove(TKey key)
    {
        // Counted first: whoever adds meanwhile sees either the count or the removal.
        Interlocked.Increment(ref removals);
        young.TryRemove(key, out _);
        old.TryRemove(key, out _);
    }

    private void Grew(TKey key, TValue value)
    {
        if (Interlocked.Add(ref youngCost, cost(key, value)) > capacity / 2)
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
