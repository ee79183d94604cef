using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Configuration;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Lifecycle.Collection;

/// <summary>Collection, pins and scrub put together, with their background work.</summary>
public sealed partial class CollectionServices : IAsyncDisposable
{
    private static readonly TimeSpan CountEvery = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource stopping = new();
    private readonly CatalogDatabase catalog;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Task running;
    private long pinned;

    public CollectionServices(
        LifecycleConfiguration configuration, CatalogDatabase catalog, BlobStore store, CacheServices cache, TimeProvider time, MillpondMetrics metrics, ILoggerFactory logs)
    {
        this.catalog = catalog;
        this.time = time;
        log = logs.CreateLogger<CollectionServices>();
        CollectorOf = (grace, clock) => new(catalog, store, cache.Books, Pins!, grace, clock, metrics, logs.CreateLogger<Collector>());
        Pins = new PinBook(catalog, time, logs.CreateLogger<PinBook>());
        Collector = CollectorOf(configuration.Grace, time);
        Scrub = new Scrub(catalog, store, cache.Books, cache.Refill, time, metrics, logs.CreateLogger<Scrub>());
        catalog.Arrived = Pins.Arrived;
        Pins.Changed = Collector.Want;
        metrics.Observe("millpond.images.pinned", null, "Images that a pin keeps from eviction.", () => [new Measurement<long>(Interlocked.Read(ref pinned))]);
        running = Task.WhenAll(InBackgroundAsync(PinAsync), InBackgroundAsync(Collector.RunAsync), InBackgroundAsync(Scrub.RunAsync), InBackgroundAsync(CountAsync));
    }

    public PinBook Pins { get; }

    internal Collector Collector { get; }

    /// <summary>A collector over the same parts, of another grace and clock.</summary>
    internal Func<TimeSpan, TimeProvider, Collector> CollectorOf { get; }

    internal Scrub Scrub { get; }

    internal CatalogDatabase Catalog => catalog;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running;
        catalog.Arrived = null;
        stopping.Dispose();
    }

    private async Task PinAsync(CancellationToken cancellationToken)
    {
        await Pins.LoadAsync();
        await Pins.RunAsync(cancellationToken);
    }

    /// <summary>For the metric, whose reading waits for no catalog.</summary>
    private async Task CountAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Interlocked.Exchange(ref pinned, await catalog.Collection.Pins.CountAsync(KeptFor.Pin));
            await Task.Delay(CountEvery, time, cancellationToken);
        }
    }

    /// <summary>Off the start of the server.</summary>
    private Task InBackgroundAsync(Func<CancellationToken, Task> work) => Task.Run(
        () => BackgroundWork.RunAsync(work, failure => Log.Failed(log, failure), time, stopping.Token));

    private static partial class Log
    {
        [LoggerMessage(1981, LogLevel.Error, "Collection, pins or the scrub have failed; it begins again in a minute")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
