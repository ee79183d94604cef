using Microsoft.Extensions.Logging;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>
/// When policies run: all of them soon after the start and every so often, repository after repository, from where an interrupted run was; and between,
/// those repositories of which something held is due again.
/// </summary>
internal sealed partial class ExpirySchedule(
    LifecycleConfiguration configuration, CatalogDatabase catalog, RepositoryRuns runs, ClockWatch clock, PullThroughRules rules, AvailabilityGuard guard, TimeProvider time,
    ILogger<ExpirySchedule> log)
{
    private const string Cursor = "cursor";
    private const int PageSize = 100;

    /// <summary>A run that is cut does so many repositories again, each of which then finds little to do.</summary>
    private const int CursorEvery = 20;

    /// <summary>Repositories looked at between two runs, each time.</summary>
    private const int MostDue = 100;

    private static readonly TimeSpan Tick = TimeSpan.FromMinutes(1);

    /// <summary>How often an upstream that has failed is asked for one of what it failed at.</summary>
    private static readonly TimeSpan ScoutEvery = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, long> scouted = new(StringComparer.Ordinal);
    private volatile TaskCompletionSource wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long heldCount;
    private long? lastRun;

    /// <summary>How many images the guard keeps.</summary>
    public long HeldCount => Volatile.Read(ref heldCount);

    /// <summary>Somebody wants a run over all repositories now, and says by that that the clock is right.</summary>
    public async Task WantAsync()
    {
        await clock.BelieveAsync();
        wanted.TrySetResult();
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await TryAsync(CountAsync);
        while (true)
        {
            await WaitAsync(cancellationToken);
            await TryAsync(() => TurnAsync(cancellationToken));
        }
    }

    public async Task CountAsync() => Volatile.Write(ref heldCount, await catalog.Lifecycle.Held.CountAsync());

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var tick = Task.Delay(Tick, time, ended.Token);
        await Task.WhenAny(tick, wanted.Task);
        await ended.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private async Task TurnAsync(CancellationToken cancellationToken)
    {
        if (!await clock.IsSteadyAsync())
        {
            return;
        }

        if (wanted.Task.IsCompleted || lastRun is not { } at || time.GetElapsedTime(at) >= configuration.Every)
        {
            wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var begun = time.GetTimestamp();

            // Cut by a catalog that fails, it goes on at the next turn.
            lastRun = null;
            await RunAllAsync(cancellationToken);
            lastRun = begun;
        }
        else
        {
            await RunDueAsync(cancellationToken);
        }

        await CountAsync();
    }

    private async Task RunAllAsync(CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        var (outcome, count) = (default(RunOutcome), 0);
        for (var after = await catalog.Lifecycle.FindStateAsync(Cursor) ?? ""; ;)
        {
            var page = await catalog.Control.Settings.ListAsync(LifecycleTable.PolicyKind, after, PageSize);
            foreach (var row in page)
            {
                outcome += await RunOneAsync(row.Name, cancellationToken);
                after = row.Name;
                if (++count % CursorEvery == 0)
                {
                    await catalog.Lifecycle.PutStateAsync(Cursor, after);
                }
            }

            if (page.Count < PageSize)
            {
                break;
            }
        }

        await catalog.Lifecycle.PutStateAsync(Cursor, null);
        Log.Ended(log, count, outcome.Expired, outcome.Archived, outcome.Held, outcome.Left, (long)time.GetElapsedTime(begun).TotalMilliseconds);
    }

    /// <summary>What is due again, and what its upstream had failed at and may answer now.</summary>
    private async Task RunDueAsync(CancellationToken cancellationToken)
    {
        foreach (var repository in await catalog.Lifecycle.Held.ListDueAsync(time.GetUtcNow(), MostDue))
        {
            await RunOneAsync(repository, cancellationToken);
        }

        var after = ("", long.MinValue);
        for (var i = 0; i < MostDue && await catalog.Lifecycle.Held.FindFailingAsync(after) is { } row; i++)
        {
            after = (row.At.Name.ToString(), row.At.Origin.Id);
            if (rules.FindListed(row.At.Name, null, null) is not { } target || !guard.CanAsk(target, row.At))
            {
                continue;
            }

            if (!guard.HasRecovered(target, row.AskedAt) && IsScoutDue(target.Rule.Prefix))
            {
                await guard.ScoutAsync(target, row.Digest, cancellationToken);
            }

            if (guard.HasRecovered(target, row.AskedAt))
            {
                await RunOneAsync(row.At.Name.ToString(), cancellationToken);
            }
        }
    }

    private bool IsScoutDue(string prefix)
    {
        if (scouted.TryGetValue(prefix, out var last) && time.GetElapsedTime(last) < ScoutEvery)
        {
            return false;
        }

        scouted[prefix] = time.GetTimestamp();
        return true;
    }

    /// <summary>What fails in one repository keeps no other from its turn.</summary>
    private async Task<RunOutcome> RunOneAsync(string repository, CancellationToken cancellationToken)
    {
        try
        {
            return await runs.RunAsync(repository, force: false, cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested && failure is not (CatalogUnreadableException or CatalogUnwrittenException))
        {
            Log.RepositoryFailed(log, repository, failure);
            return default;
        }
    }

    private async Task TryAsync(Func<Task> turn)
    {
        try
        {
            await turn();
        }
        catch (Exception failure) when (failure is CatalogUnreadableException or CatalogUnwrittenException)
        {
            Log.Unable(log, failure.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2501, LogLevel.Information, "lifecycle run over {Repositories} policies: {Expired} images expired, {Archived} archived, {Held} held, {Left} left for the next run, in {Milliseconds} ms")]
        public static partial void Ended(ILogger logger, int repositories, int expired, int archived, int held, int left, long milliseconds);

        [LoggerMessage(2502, LogLevel.Warning, "lifecycle run stopped, and goes on in a minute: {Reason}")]
        public static partial void Unable(ILogger logger, string reason);

        [LoggerMessage(2503, LogLevel.Error, "The lifecycle policy of {Repository} could not be run; others go on")]
        public static partial void RepositoryFailed(ILogger logger, string repository, Exception exception);
    }
}
