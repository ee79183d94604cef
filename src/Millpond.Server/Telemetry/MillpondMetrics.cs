using System.Diagnostics.Metrics;

namespace Millpond.Server.Telemetry;

/// <summary>The one meter: a method per event. Names and labels are pinned by a test against <c>docs/operations.md</c>.</summary>
public sealed class MillpondMetrics : IDisposable
{
    public const string MeterName = "Millpond";

    private readonly Meter meter = new(MeterName);
    private readonly Counter<long> pulls;
    private readonly Counter<long> upstreamRequests;
    private readonly Counter<long> bytesIn;
    private readonly Counter<long> bytesOut;
    private readonly Counter<long> fills;
    private readonly Counter<long> passedThrough;
    private readonly Counter<long> evicted;
    private readonly Counter<long> reviews;

    public MillpondMetrics()
    {
        pulls = meter.CreateCounter<long>("millpond.pulls", description: "Pulls answered, by kind (manifest, blob, tags, referrers), rule and result.");
        upstreamRequests = meter.CreateCounter<long>("millpond.upstream.requests", description: "Requests to upstreams, by upstream, reason and outcome.");
        bytesIn = meter.CreateCounter<long>("millpond.upstream.bytes", "By", "Bytes received from upstreams.");
        bytesOut = meter.CreateCounter<long>("millpond.served.bytes", "By", "Bytes of content sent to clients.");
        fills = meter.CreateCounter<long>("millpond.fills", description: "Fills ended, by upstream and outcome.");
        passedThrough = meter.CreateCounter<long>("millpond.fills.passed_through", description: "Pulls passed through without storing, because the disk is full.");
        evicted = meter.CreateCounter<long>("millpond.evicted.bytes", "By", "Bytes evicted for room on the disk.");
        reviews = meter.CreateCounter<long>("millpond.reviews", description: "Admission reviews, by result.");
    }

    /// <param name="kind">manifest, blob, tags or referrers.</param>
    /// <param name="rule">The rule's prefix, or "none".</param>
    /// <param name="result">hit, miss, stale, revalidated, or the failure's kind.</param>
    public void Pull(string kind, string rule, string result) => pulls.Add(1, new("kind", kind), new("rule", rule), new("result", result));

    public void UpstreamRequest(string upstream, string reason, string outcome) =>
        upstreamRequests.Add(1, new("upstream", upstream), new("reason", reason), new("outcome", outcome));

    public void BytesIn(string upstream, long count) => bytesIn.Add(count, new KeyValuePair<string, object?>("upstream", upstream));

    public void BytesOut(long count) => bytesOut.Add(count);

    public void FillEnded(string upstream, string outcome) => fills.Add(1, new("upstream", upstream), new("outcome", outcome));

    public void PassedThrough(string upstream) => passedThrough.Add(1, new KeyValuePair<string, object?>("upstream", upstream));

    public void Evicted(long count) => evicted.Add(count);

    /// <param name="result">rewritten, unchanged, or why nothing was looked at.</param>
    public void Review(string result) => reviews.Add(1, new KeyValuePair<string, object?>("result", result));

    /// <summary>A gauge read when metrics are scraped.</summary>
    public void Observe(string name, string? unit, string description, Func<IEnumerable<Measurement<long>>> read) =>
        meter.CreateObservableGauge(name, read, unit, description);

    /// <summary>Whether an instrument is one of these.</summary>
    public bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, meter);

    public void Dispose() => meter.Dispose();
}
