using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Millpond.Server.Cache.Completion;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Cache.Local;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
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
    private readonly RunningFills fills;
    private readonly WantedImages images;
    private readonly DiskRoom eviction;
    private readonly BlobStore store;
    private readonly TimeProvider time;
    private readonly CatalogDatabase catalog;
    private readonly ILogger log;
    private readonly Task background;

    /// <summary>Composes the cache and starts its background work. Asks no upstream.</summary>
    public CacheServices(
        ServerConfiguration configuration, PullThroughRules rules, Func<PullThroughRule, UpstreamClient> connect, BlobStore store, CatalogDatabase catalog,
        TimeProvider time, MillpondMetrics metrics, ILoggerFactory logs)
    {
        this.store = store;
        this.time = time;
        this.catalog = catalog;
        log = logs.CreateLogger<CacheServices>();
        var token = stopping.Token;
        upstreams = new GovernedUpstreams([.. rules.All, .. rules.Former], connect, time, metrics, logs, token);
        rules.Changed += () => upstreams.Change([.. rules.All, .. rules.Former]);
        var origins = new Origins(upstreams, catalog, time);
        var known = new LinkMemory(catalog, origins);
        var memory = new ManifestMemory(catalog, origins);
        var local = new LocalMemory(catalog.Contents);
        var negative = new NegativeCache(configuration.NegativeCache, time);
        var freshness = new Freshness(time);
        Books = new BlobBooks(store, known, logs.CreateLogger<BlobBooks>());
        eviction = new DiskRoom(store, catalog, Books, known, memory, metrics, time, logs.CreateLogger<DiskRoom>());
        var loose = new LooseBlobs(Books, catalog);
        store.Publishing = known.Stored;
        store.Disk.Evicting = eviction.MakeRoomAsync;
        catalog.Contents.Changed = change =>
        {
            local.Forget(change);
            memory.Forget(change);
            known.Forget(change);
            loose.Add(change.Loose);
        };
        catalog.Collection.Garbage.Collected = rows =>
        {
            foreach (var (at, digest) in rows.Links)
            {
                known.ForgetLink(at, digest);
                local.ForgetLink(at, digest);
            }

            foreach (var digest in rows.Gone)
            {
                memory.ForgetManifest(digest);
            }
        };

        var finish = new FillFinish(upstreams, catalog, Books, known, time, metrics, logs.CreateLogger<FillFinish>());
        var download = new FillDownload(upstreams, store, finish, eviction, negative, known, time, metrics, logs.CreateLogger<FillDownload>());
        fills = new RunningFills(download, known, configuration.Storage.OrphanFills, configuration.Storage.NearlyDone, time, token);
        var adoption = new Adoption(store, fills, catalog, known, Books, time, logs.CreateLogger<Adoption>());
        var proofs = new BlobProof(upstreams, fills, store, adoption, known, negative, token);
        var blobs = new BlobPull(upstreams, fills, store, proofs, adoption, catalog, known, negative, time, metrics);

        Refill = new BlobRefill(rules, catalog, known, blobs);

        var queue = new CompletionQueue();
        images = new WantedImages(queue, catalog, known, time, stoppingBackground.Token);
        var fetch = new ManifestFetch(upstreams, memory, known, negative, catalog, queue, time, logs.CreateLogger<ManifestFetch>(), token);
        var check = new TagCheck(upstreams, memory, known, fetch, freshness, catalog, time, logs.CreateLogger<TagCheck>(), token);
        var manifests = new ManifestPull(upstreams, memory, fetch, check, freshness, known, catalog, images, time);

        var listDownload = new ListDownload(catalog, metrics, time, logs.CreateLogger<ListDownload>());
        var lists = new UpstreamList(upstreams, catalog, known, listDownload, freshness, negative, time, logs.CreateLogger<UpstreamList>(), token);
        PullThrough = new PullThrough(manifests, blobs, new TagLists(lists, catalog, known), new ReferrerLists(lists, catalog, known), known, images,
            new LocalContents(catalog, store, local, memory, known, time, logs.CreateLogger<LocalContents>()),
            new CacheDrop(catalog, known, negative, freshness, fills.SettledAsync), upstreams);

        Guard = new AvailabilityGuard(upstreams, known);
        Observe(metrics);
        store.StartWith(catalog.StoredBytes);
        store.Sweep(time.GetUtcNow() - configuration.Storage.PartialsFor);
        catalog.Grown = eviction.EnforceLater;
        var completion = new CompletionWorker(queue, rules, manifests, fetch, blobs, images, known, memory, catalog, time, logs.CreateLogger<CompletionWorker>());
        background = Task.WhenAll(
            InBackgroundAsync(completion.RunAsync), InBackgroundAsync(adoption.RunAsync), InBackgroundAsync(loose.RunAsync),
            InBackgroundAsync(ending => SweepAsync(configuration.Storage.PartialsFor, ending)));
    }

    public PullThrough PullThrough { get; }

    /// <summary>Asks upstreams for what is to expire.</summary>
    public AvailabilityGuard Guard { get; }

    /// <summary>By which collection takes blobs out of store and books together.</summary>
    internal BlobBooks Books { get; }

    /// <summary>By which the scrub puts back what it took out.</summary>
    internal BlobRefill Refill { get; }

    /// <summary>Brings the store under its limit, before anybody is served.</summary>
    public Task StartAsync() => eviction.EnforceAsync();

    /// <summary>Every upstream as <c>/-/upstreams</c> shows it.</summary>
    public IReadOnlyList<UpstreamState> UpstreamStates() => [.. upstreams.States().Select(state => state with { ImagesIncomplete = images.Incomplete(state.Rule) })];

    /// <summary>Downloads that are not whole, which the next start goes on with.</summary>
    public int PartialDownloads()
    {
        try
        {
            return store.ListPartials().Count;
        }
        catch (IOException)
        {
            // The folder is gone, and they with it.
            return 0;
        }
    }

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
        catalog.Grown = null;
        catalog.Contents.Changed = null;
        catalog.Collection.Garbage.Collected = null;
        store.Disk.Evicting = null;
        eviction.Dispose();
        upstreams.Dispose();
        stoppingBackground.Dispose();
        stopping.Dispose();
    }

    private void Observe(MillpondMetrics metrics)
    {
        metrics.Observe("millpond.fills.running", null, "Fills running.", () => [new Measurement<long>(fills.Running)]);
        metrics.Observe("millpond.fills.waiting_readers", null, "Readers that wait for a fill's next bytes.", () => [new Measurement<long>(fills.Waiting)]);
        metrics.Observe("millpond.store.bytes", "By", "Bytes of whole blobs in the store.", () => [new Measurement<long>(store.Disk.Stored)]);
        metrics.Observe(
            "millpond.catalog.bytes", "By", "Bytes of manifests and lists in the catalog, which count against storage.limit.",
            () => [new Measurement<long>(catalog.RecordedBytes)]);
        metrics.Observe("millpond.staging.bytes", "By", "Bytes of partial downloads.", () => [new Measurement<long>(store.Disk.Staged)]);
        metrics.Observe("millpond.disk.limit", "By", "What the store and the partial downloads may take together.", () => [new Measurement<long>(store.Disk.Limit)]);
        metrics.Observe("millpond.disk.used", "By", "What they take.", () => [new Measurement<long>(store.Disk.Stored + store.Disk.Staged)]);
        metrics.Observe("millpond.disk.free", "By", "What is free on their disk.", () => [new Measurement<long>(store.Disk.Free)]);
        metrics.Observe(
            "millpond.upstream.breaker_open", null, "1 while the upstream's breaker is open.",
            () => upstreams.States().Select(state => Of(state, state.Breaker == BreakerState.Open ? 1 : 0)));
        metrics.Observe(
            "millpond.images.incomplete", null, "Images that were pulled and whose rest is still to be fetched.",
            () => upstreams.States().Select(state => Of(state, images.Incomplete(state.Rule))));
        metrics.Observe(
            "millpond.upstream.rate_limit_remaining", null, "What the upstream last said is left of its rate limit.",
            () => upstreams.States().Where(state => state.RateRemaining is not null).Select(state => Of(state, state.RateRemaining ?? 0)));
    }

    private static Measurement<long> Of(UpstreamState state, long value) =>
        new(value, new KeyValuePair<string, object?>("rule", state.Rule), new KeyValuePair<string, object?>("upstream", state.Upstream));

    private async Task SweepAsync(TimeSpan partialsFor, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(SweepEvery, time, cancellationToken);
            store.Sweep(time.GetUtcNow() - partialsFor);
        }
    }

    private Task InBackgroundAsync(Func<CancellationToken, Task> work) =>
        BackgroundWork.RunAsync(work, failure => Log.BackgroundFailed(log, failure), time, stoppingBackground.Token);

    private static partial class Log
    {
        [LoggerMessage(1901, LogLevel.Error, "Background work of the cache has failed; it begins again in a minute")]
        public static partial void BackgroundFailed(ILogger logger, Exception exception);
    }
}
