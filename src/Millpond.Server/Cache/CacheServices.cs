using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>The cache put together, in the order its parts depend on each other, with its background work.</summary>
public sealed partial class CacheServices : IAsyncDisposable
{
    /// <summary>How often partials that are too old are looked for.</summary>
    private static readonly TimeSpan SweepEvery = TimeSpan.FromHours(1);

    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource stoppingBackground = new();
    private readonly GovernedUpstreams upstreams;
    private readonly Fills fills;
    private readonly BlobStore store;
    private readonly ILogger log;
    private readonly Task background;

    /// <summary>Composes the cache and starts its background work. Asks no upstream.</summary>
    public CacheServices(
        ServerConfiguration configuration, PullThroughRules rules, Func<PullThroughRule, UpstreamClient> connect, BlobStore store, CatalogDatabase catalog,
        TimeProvider time, MillpondMetrics metrics, ILoggerFactory logs)
    {
        this.store = store;
        log = logs.CreateLogger<CacheServices>();
        var token = stopping.Token;
        upstreams = new GovernedUpstreams(rules.All, connect, time, metrics, logs, token);
        var known = new KnownBlobs(catalog);
        var negative = new NegativeCache(configuration.NegativeCache, time);
        var freshness = new Freshness(time);
        var eviction = new Eviction(store, catalog, known, metrics, logs.CreateLogger<Eviction>());

        var workshop = new FillWorkshop(upstreams, store, catalog, eviction, negative, known, time, metrics, logs.CreateLogger<FillWorkshop>());
        fills = new Fills(workshop, configuration.Storage.OrphanFills, configuration.Storage.NearlyDone, time, token);
        var adoption = new Adoption(store, fills, catalog, known, time, logs.CreateLogger<Adoption>());
        var blobs = new BlobPull(upstreams, fills, store, adoption, catalog, known, negative, time, metrics, token);

        var memory = new ManifestMemory(catalog);
        var queue = new CompletionQueue();
        var fetch = new ManifestFetch(upstreams, memory, known, negative, catalog, queue, time, logs.CreateLogger<ManifestFetch>(), token);
        var check = new TagCheck(upstreams, memory, fetch, freshness, catalog, time, logs.CreateLogger<TagCheck>(), token);
        var manifests = new ManifestPull(upstreams, memory, fetch, check, freshness, known, negative, catalog, time, token);

        var lists = new UpstreamList(upstreams, catalog, freshness, negative, time, logs.CreateLogger<UpstreamList>(), token);
        PullThrough = new PullThrough(manifests, blobs, new TagLists(lists, catalog), new ReferrerLists(lists, catalog, known));

        Observe(metrics);
        store.StartWith(catalog.TotalBlobBytes());
        store.Sweep(time.GetUtcNow() - configuration.Storage.PartialsFor);
        eviction.Enforce();
        var completion = new CompletionWorker(queue, rules, manifests, fetch, blobs, known, memory, catalog, time, logs.CreateLogger<CompletionWorker>());
        background = Task.WhenAll(
            InBackgroundAsync(completion.RunAsync), InBackgroundAsync(adoption.RunAsync),
            InBackgroundAsync(ending => SweepAsync(configuration.Storage.PartialsFor, time, ending)));
    }

    public PullThrough PullThrough { get; }

    /// <summary>Every upstream as <c>/-/upstreams</c> shows it.</summary>
    public IReadOnlyList<UpstreamState> UpstreamStates() => upstreams.States();

    /// <summary>Shutdown: fills with readers go on until the grace ends, then all pause and keep their partials.</summary>
    public async Task DrainAsync(TimeSpan grace)
    {
        // Work that no client waits for holds up no end.
        await stoppingBackground.CancelAsync();
        await fills.DrainAsync(grace);
    }

    public async ValueTask DisposeAsync()
    {
        await DrainAsync(TimeSpan.Zero);
        await stopping.CancelAsync();
        await background;

        // What began while the others drained: nothing begins any more.
        await fills.WhenNoneRunsAsync();
        upstreams.Dispose();
        stoppingBackground.Dispose();
        stopping.Dispose();
    }

    private void Observe(MillpondMetrics metrics)
    {
        metrics.Observe("millpond.fills.running", null, "Fills running.", () => [new Measurement<long>(fills.Running)]);
        metrics.Observe("millpond.fills.waiting_readers", null, "Readers that wait for a fill's next bytes.", () => [new Measurement<long>(fills.Waiting)]);
        metrics.Observe("millpond.store.bytes", "By", "Bytes of whole blobs in the store.", () => [new Measurement<long>(store.Disk.Stored)]);
        metrics.Observe("millpond.staging.bytes", "By", "Bytes of partial downloads.", () => [new Measurement<long>(store.Disk.Staged)]);
        metrics.Observe(
            "millpond.upstream.breaker_open", null, "1 while the upstream's breaker is open.",
            () => upstreams.States().Select(state => Of(state, state.Breaker == BreakerState.Open ? 1 : 0)));
        metrics.Observe(
            "millpond.upstream.rate_limit_remaining", null, "What the upstream last said is left of its rate limit.",
            () => upstreams.States().Where(state => state.RateRemaining is not null).Select(state => Of(state, state.RateRemaining ?? 0)));
    }

    private static Measurement<long> Of(UpstreamState state, long value) =>
        new(value, new KeyValuePair<string, object?>("rule", state.Rule), new KeyValuePair<string, object?>("upstream", state.Upstream));

    private async Task SweepAsync(TimeSpan partialsFor, TimeProvider time, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(SweepEvery, time, cancellationToken);
            store.Sweep(time.GetUtcNow() - partialsFor);
        }
    }

    /// <summary>Background work that fails is said when it fails, not when the server ends.</summary>
    private async Task InBackgroundAsync(Func<CancellationToken, Task> work)
    {
        try
        {
            await work(stoppingBackground.Token);
        }
        catch (OperationCanceledException) when (stoppingBackground.IsCancellationRequested)
        {
            // That is how it ends.
        }
        catch (Exception failure)
        {
            Log.BackgroundFailed(log, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1901, LogLevel.Error, "Background work of the cache has ended; it begins again when the server is restarted")]
        public static partial void BackgroundFailed(ILogger logger, Exception exception);
    }
}
