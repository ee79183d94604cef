using System.Diagnostics.Metrics;

namespace Millpond.Server.Telemetry;

/// <summary>The one meter: a method per event. Names and labels are pinned by a test against <c>docs/operations.md</c>.</summary>
public sealed class MillpondMetrics : IDisposable
{
    public const string MeterName = "Millpond";

    // From what a hit in memory takes to what a large layer takes over a slow line.
    private static readonly double[] PullSecondsBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

    private readonly Meter meter = new(MeterName);
    private readonly Counter<long> pulls;
    private readonly Counter<long> upstreamRequests;
    private readonly Counter<long> bytesIn;
    private readonly Counter<long> bytesOut;
    private readonly Counter<long> fills;
    private readonly Counter<long> passedThrough;
    private readonly Counter<long> evicted;
    private readonly Counter<long> collected;
    private readonly Counter<long> collectedBytes;
    private readonly Counter<long> scrubbed;
    private readonly Counter<long> reviews;
    private readonly Counter<long> connectionsRefused;
    private readonly Histogram<double> pullSeconds;
    private readonly Counter<long> listsCut;
    private readonly Counter<long> writes;
    private readonly Counter<long> calls;
    private readonly Counter<long> left;

    public MillpondMetrics()
    {
        pulls = meter.CreateCounter<long>("millpond.pulls", description: "Pulls answered, by kind (manifest, blob, tags, referrers), rule and result.");
        upstreamRequests = meter.CreateCounter<long>("millpond.upstream.requests", description: "Requests to upstreams, by upstream, reason and outcome.");
        bytesIn = meter.CreateCounter<long>("millpond.upstream.bytes", "By", "Bytes received from upstreams.");
        bytesOut = meter.CreateCounter<long>("millpond.served.bytes", "By", "Bytes of content sent to clients.");
        fills = meter.CreateCounter<long>("millpond.fills", description: "Fills ended, by upstream and outcome.");
        passedThrough = meter.CreateCounter<long>("millpond.fills.passed_through", description: "Pulls passed through without storing, because the disk is full.");
        evicted = meter.CreateCounter<long>("millpond.evicted.bytes", "By", "Bytes evicted for room on the disk.");
        collected = meter.CreateCounter<long>("millpond.collected", description: "What was collected because nothing refers to it any more, by kind (link, manifest, blob).");
        collectedBytes = meter.CreateCounter<long>("millpond.collected.bytes", "By", "Bytes of blobs that were collected.");
        scrubbed = meter.CreateCounter<long>("millpond.scrub.damaged", description: "Blobs that the scrub found damaged or unreadable, by outcome (refilled, lost, kept_aside, unreadable).");
        connectionsRefused = meter.CreateCounter<long>("millpond.connections.refused", description: "Connections closed because a listener had as many as it may.");
        pullSeconds = meter.CreateHistogram(
            "millpond.pulls.duration", "s", "From a pull to the end of its answer, by kind and result.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = PullSecondsBounds });
        listsCut = meter.CreateCounter<long>("millpond.lists.cut", description: "Upstream lists that were cut because they are too long, by kind (tags, referrers).");
        writes = meter.CreateCounter<long>("millpond.writes", description: "Requests that push or delete, by kind (push, delete) and result.");
        left = meter.CreateCounter<long>("millpond.lifecycle.images", description: "Images that lifecycle policies took, by action (expired, archived).");
        reviews = meter.CreateCounter<long>("millpond.reviews", description: "Admission reviews, by result.");
        calls = meter.CreateCounter<long>("millpond.calls", description: "Calls of the control plane, by service and result.");
    }

    /// <summary>What of it is kept over restarts.</summary>
    public TrafficCounts Traffic { get; } = new();

    /// <param name="kind">manifest, blob, tags or referrers.</param>
    /// <param name="rule">The rule's prefix, or "none".</param>
    /// <param name="result">hit, miss, stale, revalidated, or the failure's kind.</param>
    public void Pull(string kind, string rule, string result, TimeSpan took)
    {
        pulls.Add(1, new("kind", kind), new("rule", rule), new("result", result));
        pullSeconds.Record(took.TotalSeconds, new("kind", kind), new("result", result));
        Traffic.Pull(rule, result);
    }

    /// <param name="kind">push or delete.</param>
    /// <param name="result">What became of it: upload, pushed, deleted, dropped, cancelled, or why it was refused.</param>
    public void Write(string kind, string result) => writes.Add(1, new("kind", kind), new("result", result));

    /// <param name="service">A service's name, or <c>unknown</c>.</param>
    /// <param name="result">ok, or the type of the error.</param>
    public void Call(string service, string result)
    {
        calls.Add(1, new("service", service), new("result", result));
        if (result == "ok")
        {
            Traffic.Call(service);
        }
    }

    public void UpstreamRequest(string upstream, string reason, string outcome)
    {
        upstreamRequests.Add(1, new("upstream", upstream), new("reason", reason), new("outcome", outcome));
        Traffic.Request(upstream, reason);
    }

    public void BytesIn(string rule, string upstream, long count)
    {
        bytesIn.Add(count, new("rule", rule), new("upstream", upstream));
        Traffic.Received(rule, count);
    }

    public void BytesOut(string rule, long count)
    {
        bytesOut.Add(count, new KeyValuePair<string, object?>("rule", rule));
        Traffic.Sent(rule, count);
    }

    public void ConnectionRefused() => connectionsRefused.Add(1);

    public void FillEnded(string upstream, string outcome) => fills.Add(1, new("upstream", upstream), new("outcome", outcome));

    public void PassedThrough(string upstream) => passedThrough.Add(1, new KeyValuePair<string, object?>("upstream", upstream));

    public void Evicted(long count) => evicted.Add(count);

    public void Collected(long bytes, long links, long manifests, long blobs)
    {
        collectedBytes.Add(bytes);
        collected.Add(links, new KeyValuePair<string, object?>("kind", "link"));
        collected.Add(manifests, new KeyValuePair<string, object?>("kind", "manifest"));
        collected.Add(blobs, new KeyValuePair<string, object?>("kind", "blob"));
    }

    /// <param name="outcome">refilled, lost, kept_aside or unreadable.</param>
    public void Scrubbed(string outcome) => scrubbed.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <param name="kind">tags or referrers.</param>
    public void ListCut(string kind) => listsCut.Add(1, new KeyValuePair<string, object?>("kind", kind));

    /// <param name="action">expired or archived.</param>
    public void ImagesLeft(string action, int count) => left.Add(count, new KeyValuePair<string, object?>("action", action));

    /// <param name="result">rewritten, unchanged, or why nothing was looked at.</param>
    public void Review(string result) => reviews.Add(1, new KeyValuePair<string, object?>("result", result));

    /// <summary>A gauge read when metrics are scraped.</summary>
    public void Observe(string name, string? unit, string description, Func<IEnumerable<Measurement<long>>> read) =>
        meter.CreateObservableGauge(name, read, unit, description);

    /// <summary>Whether an instrument is one of these.</summary>
    public bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, meter);

    public void Dispose() => meter.Dispose();
}
