using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Millpond.Server.Cache;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Lifecycle.Expiry;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Lifecycle;

/// <summary>Lifecycle policies put together, with their background work.</summary>
public sealed partial class LifecycleServices : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<(string Repository, bool Force), Lazy<Task<RunOutcome>>> wanted = new();
    private readonly RepositoryRuns runs;
    private readonly ExpirySchedule schedule;
    private readonly Task background;

    /// <summary>Composes them; the first run comes a minute later.</summary>
    public LifecycleServices(
        LifecycleConfiguration configuration, PullThroughRules rules, AvailabilityGuard guard, CatalogDatabase catalog, TimeProvider time, MillpondMetrics metrics, ILoggerFactory logs)
    {
        var log = logs.CreateLogger<LifecycleServices>();
        var departures = new Departures(catalog.Lifecycle, metrics, time, logs.CreateLogger<Departures>());
        var guarded = new GuardedExpiry(configuration, rules, guard, catalog.Lifecycle, departures, time, logs.CreateLogger<GuardedExpiry>());
        runs = new RepositoryRuns(catalog, departures, guarded, time, logs.CreateLogger<RepositoryRuns>());
        var clock = new ClockWatch(catalog.Lifecycle, time, logs.CreateLogger<ClockWatch>());
        schedule = new ExpirySchedule(configuration, catalog, runs, clock, rules, guard, time, logs.CreateLogger<ExpirySchedule>());
        Previews = new LifecyclePreviews(catalog.Lifecycle, time, logs.CreateLogger<LifecyclePreviews>(), stopping.Token);
        metrics.Observe(
            "millpond.lifecycle.held_images", null, "Images that a lifecycle policy would have go, and that may be the last copy.",
            () => [new Measurement<long>(schedule.HeldCount)]);
        background = Task.Run(() => BackgroundWork.RunAsync(schedule.RunAsync, failure => Log.Failed(log, failure), time, stopping.Token));
    }

    public LifecyclePreviews Previews { get; }

    /// <summary>Runs a repository's policy now; the run goes on where the caller leaves, and who asks meanwhile waits for the same.</summary>
    /// <param name="force">Whether what is held goes too.</param>
    public async Task<RunOutcome> RunAsync(string repository, bool force, CancellationToken cancellationToken)
    {
        var key = (repository, force);
        return await wanted.GetOrAdd(key, _ => new(() => RunAndForgetAsync(key))).Value.WaitAsync(cancellationToken);
    }

    /// <summary>Has all policies run now, in the background.</summary>
    public Task RunAllAsync() => schedule.WantAsync();

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await background;
        await Task.WhenAll(wanted.Values.Select(run => (Task)run.Value)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Previews.WhenIdleAsync();
        Previews.Dispose();
        stopping.Dispose();
    }

    private async Task<RunOutcome> RunAndForgetAsync((string Repository, bool Force) key)
    {
        await Task.Yield();
        try
        {
            var outcome = await runs.RunAsync(key.Repository, key.Force, stopping.Token);
            await schedule.CountAsync();
            return outcome;
        }
        finally
        {
            wanted.TryRemove(key, out _);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2701, LogLevel.Error, "The run of lifecycle policies has failed; it begins again in a minute")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
