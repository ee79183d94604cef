using System.Collections.Concurrent;

namespace Millpond.Cli.Warming;

/// <summary>Pulls the images of a plan, several at once, and says of each what became of it.</summary>
internal sealed class WarmRun(WarmPlan plan, CacheClient cache, WarmSettings settings, WarmJournal? journal)
{
    /// <summary>In the plan's order, whole also where the run is stopped.</summary>
    public async Task<IReadOnlyList<WarmOutcome>> RunAsync(IWarmProgress progress, CancellationToken cancellationToken)
    {
        var outcomes = new ConcurrentDictionary<WarmImage, WarmOutcome>();
        cache.Waits = progress.Wait;
        var warmer = new ImageWarmer(cache, settings.Platforms, progress);
        try
        {
            await Parallel.ForEachAsync(
                plan.Images,
                new ParallelOptions { MaxDegreeOfParallelism = settings.Parallel, CancellationToken = cancellationToken },
                async (image, token) => outcomes[image] = await WarmAsync(warmer, image, progress, token));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is missing in the outcomes was not reached.
        }

        return [.. plan.Images.Select(image => outcomes.GetValueOrDefault(image) ?? new WarmOutcome(image, "the run was stopped before it was done; run again to go on"))];
    }

    private async Task<WarmOutcome> WarmAsync(ImageWarmer warmer, WarmImage image, IWarmProgress progress, CancellationToken cancellationToken)
    {
        var wasDone = journal?.IsDone(image) == true;
        progress.Begin(image);
        var outcome = wasDone ? new WarmOutcome(image, null, WasDone: true) : await warmer.WarmAsync(image, cancellationToken);
        if (outcome.Failure is null && !wasDone)
        {
            journal?.Add(image);
        }

        progress.End(outcome);
        return outcome;
    }
}
