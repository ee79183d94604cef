using Microsoft.Extensions.Logging;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Operations.Cost;

/// <summary>
/// What is stored, as it was added up last. One sum at a time, made when it is asked for and kept for a while; who asks waits a moment for it
/// and else is given the last one.
/// </summary>
internal sealed partial class StorageSurvey(CatalogDatabase catalog, PullThroughRules rules, TimeProvider time, ILogger<StorageSurvey> log) : IAsyncDisposable
{
    /// <summary>As long as people wait for a page without wondering.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LeastAge = TimeSpan.FromMinutes(1);

    /// <summary>Of its own time: one core is kept busy for a twentieth of it at most, however often it is asked for.</summary>
    private const int AgeShare = 20;

    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private Task<StorageUse>? running;
    private (StorageUse Use, long At)? last;

    /// <summary>The sum of a moment ago, or of longer ago where that takes its time; null where there is none yet.</summary>
    /// <exception cref="CatalogUnreadableException">The catalog cannot be read.</exception>
    public async ValueTask<StorageUse?> GetAsync(CancellationToken cancellationToken)
    {
        Task<StorageUse> sum;
        StorageUse? former;
        lock (gate)
        {
            if (last is { } known && time.GetElapsedTime(known.At) < Longer(LeastAge, AgeShare * known.Use.Took))
            {
                return known.Use;
            }

            former = last?.Use;

            // Reads of SQLite block: it has a thread of its own, which no request is waiting on.
            sum = running ??= Task.Factory.StartNew(RunAsync, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
        }

        try
        {
            return await sum.WaitAsync(Patience, time, cancellationToken);
        }
        catch (Exception late) when (late is TimeoutException || late is OperationCanceledException && stopping.IsCancellationRequested)
        {
            return former;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        Task? ending;
        lock (gate)
        {
            ending = running;
        }

        await (ending ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private async Task<StorageUse> RunAsync()
    {
        (StorageUse Use, long At)? made = null;
        try
        {
            made = (await AddUpAsync(), time.GetTimestamp());
            return made.Value.Use;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // Whoever waits for it is told; this is for those who have left.
            Log.Failed(log, failure);
            throw;
        }
        finally
        {
            lock (gate)
            {
                last = made ?? last;
                running = null;
            }
        }
    }

    private async Task<StorageUse> AddUpAsync()
    {
        var begun = time.GetTimestamp();
        var now = time.GetUtcNow();
        var (prefixes, bytes, projected) = await new StorageSum(catalog, [.. rules.All, .. rules.Former], now).AddUpAsync(stopping.Token);
        var all = await catalog.TotalBlobBytesAsync() + catalog.RecordedBytes;
        var secrets = await SecretUse.ReadAsync(catalog.Control.Secrets, rules.All);
        return new(prefixes, bytes, projected, Math.Max(0, all - bytes), secrets, now, time.GetElapsedTime(begun));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "What is stored could not be added up for the report of costs; it is tried again when it is asked for")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
