using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Millpond.Server.Telemetry;

/// <summary>A count that is kept over restarts.</summary>
/// <param name="Kind">What <paramref name="Name"/> names: one of <see cref="TrafficCounts"/>'s kinds.</param>
/// <param name="Counter">What is counted: one of its counters, or the reason of a request.</param>
public readonly record struct TrafficCount(string Kind, string Name, string Counter, long Value);

/// <summary>
/// What was pulled, asked of upstreams, sent and called since it was last taken from here, for what is written down over restarts. A pull adds
/// to it without waiting; names beyond a bound count together, for rules and their upstreams come and go.
/// </summary>
public sealed class TrafficCounts
{
    /// <summary>By a rule's prefix, or <see cref="NoRule"/>.</summary>
    public const string OfRule = "rule";

    /// <summary>By an upstream's name.</summary>
    public const string OfUpstream = "upstream";

    /// <summary>By a service of the control plane.</summary>
    public const string OfService = "service";

    /// <summary>What was pushed here, and is pulled by no rule.</summary>
    public const string NoRule = "none";

    /// <summary>Names beyond the bound.</summary>
    public const string Others = "(others)";

    /// <summary>Pulls that were answered with what they asked for.</summary>
    public const string Pulls = "pulls";

    /// <summary>Those of them for which no upstream was asked.</summary>
    public const string Saved = "saved";

    /// <summary>Bytes of blobs sent to clients.</summary>
    public const string BytesOut = "bytes_out";

    /// <summary>Bytes of blobs received from upstreams.</summary>
    public const string BytesIn = "bytes_in";

    public const string Calls = "calls";

    /// <summary>Names of each kind; some hundred bytes each.</summary>
    private const int MostNames = 1000;

    private readonly ConcurrentDictionary<string, RuleCounts> rules = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Upstream, string Reason), StrongBox<long>> requests = [];
    private readonly ConcurrentDictionary<string, StrongBox<long>> calls = new(StringComparer.Ordinal);

    /// <param name="result">As the metric's: hit, stale, miss and revalidated were answered, all else was not.</param>
    public void Pull(string rule, string result)
    {
        var isSaved = result is "hit" or "stale";
        if (isSaved || result is "miss" or "revalidated")
        {
            var counts = Of(rules, rule, Others);
            Interlocked.Increment(ref counts.Pulls);
            Interlocked.Add(ref counts.Saved, isSaved ? 1 : 0);
        }
    }

    public void Sent(string rule, long bytes) => Interlocked.Add(ref Of(rules, rule, Others).BytesOut, bytes);

    public void Received(string rule, long bytes) => Interlocked.Add(ref Of(rules, rule, Others).BytesIn, bytes);

    public void Request(string upstream, string reason) => Interlocked.Increment(ref Of(requests, (upstream, reason), (Others, reason)).Value);

    public void Call(string service) => Interlocked.Increment(ref Of(calls, service, Others).Value);

    /// <summary>What was counted since the last time; it is the caller's from here on.</summary>
    public IReadOnlyList<TrafficCount> Take()
    {
        var taken = new List<TrafficCount>();
        foreach (var (name, counts) in rules)
        {
            Add(OfRule, name, Pulls, ref counts.Pulls);
            Add(OfRule, name, Saved, ref counts.Saved);
            Add(OfRule, name, BytesOut, ref counts.BytesOut);
            Add(OfRule, name, BytesIn, ref counts.BytesIn);
        }

        foreach (var ((upstream, reason), count) in requests)
        {
            Add(OfUpstream, upstream, reason, ref count.Value);
        }

        foreach (var (service, count) in calls)
        {
            Add(OfService, service, Calls, ref count.Value);
        }

        return taken;

        void Add(string kind, string name, string counter, ref long value)
        {
            if (Interlocked.Exchange(ref value, 0) is > 0 and var counted)
            {
                taken.Add(new(kind, name, counter, counted));
            }
        }
    }

    /// <summary>Counts again what was taken and could not be written.</summary>
    public void Return(IEnumerable<TrafficCount> taken)
    {
        foreach (var (kind, name, counter, value) in taken)
        {
            Interlocked.Add(ref Find(kind, name, counter), value);
        }
    }

    private ref long Find(string kind, string name, string counter)
    {
        switch (kind)
        {
            case OfUpstream:
                return ref Of(requests, (name, counter), (Others, counter)).Value;
            case OfService:
                return ref Of(calls, name, Others).Value;
            default:
                return ref Of(rules, name, Others)[counter];
        }
    }

    private static T Of<TKey, T>(ConcurrentDictionary<TKey, T> counts, TKey name, TKey others)
        where TKey : notnull
        where T : class, new() =>
        counts.TryGetValue(name, out var found) ? found : counts.GetOrAdd(counts.Count < MostNames ? name : others, static _ => new T());

    private sealed class RuleCounts
    {
        public long Pulls;
        public long Saved;
        public long BytesOut;
        public long BytesIn;

        public ref long this[string counter]
        {
            get
            {
                switch (counter)
                {
                    case TrafficCounts.Pulls:
                        return ref Pulls;
                    case TrafficCounts.Saved:
                        return ref Saved;
                    case TrafficCounts.BytesOut:
                        return ref BytesOut;
                    default:
                        return ref BytesIn;
                }
            }
        }
    }
}
