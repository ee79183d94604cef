using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;

namespace Millpond.Server.Lifecycle.Expiry;

/// <summary>
/// Runs a repository's policy over its images. The policy holds for the name: of a cache whose rule has pointed elsewhere, each origin's images are
/// ranked among themselves. Of one repository there is one run at a time.
/// </summary>
internal sealed partial class RepositoryRuns(CatalogDatabase catalog, Departures departures, GuardedExpiry guarded, TimeProvider time, ILogger<RepositoryRuns> log)
{
    private readonly ConcurrentDictionary<string, Task> running = new(StringComparer.Ordinal);

    /// <param name="force">Whether what is held goes too.</param>
    public async Task<RunOutcome> RunAsync(string repository, bool force, CancellationToken cancellationToken)
    {
        while (true)
        {
            var own = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var current = running.GetOrAdd(repository, own.Task);
            if (current != own.Task)
            {
                await current.WaitAsync(cancellationToken);
                continue;
            }

            try
            {
                return await RunAloneAsync(repository, force, cancellationToken);
            }
            finally
            {
                running.TryRemove(repository, out _);
                own.SetResult();
            }
        }
    }

    private async Task<RunOutcome> RunAloneAsync(string repository, bool force, CancellationToken cancellationToken)
    {
        if (!RepositoryName.TryParse(repository, out var name))
        {
            return default;
        }

        var origins = await catalog.Lifecycle.ListOriginsAsync(name);
        if (await catalog.Control.Settings.FindAsync(LifecycleTable.PolicyKind, repository) is not { } row)
        {
            await ReleaseAsync(origins);
            return default;
        }

        if (!PolicyText.TryParse(row.Value, out var policy, out var why))
        {
            Log.Unreadable(log, repository, why);
            await ReleaseAsync(origins);
            return default;
        }

        if (policy.Rules.Any(rule => rule.CountType == CountType.SinceImagePulled))
        {
            // A pull of a moment ago waits to be written.
            await catalog.Order.WritePullsAsync();
        }

        var outcome = default(RunOutcome);
        var now = time.GetUtcNow();
        foreach (var at in origins)
        {
            var images = await catalog.Lifecycle.ListImagesAsync(at, cancellationToken);
            var marks = PolicyEvaluation.Evaluate(policy, images, now);
            outcome += at.Origin == Origin.None
                ? await departures.LeaveAsync(at, marks, cancellationToken)
                : await guarded.RunAsync(at, images, marks, force, cancellationToken);
        }

        await catalog.Lifecycle.PutEvaluatedAsync(repository, now);
        return outcome;
    }

    /// <summary>Without a policy that can be read nothing is held any more.</summary>
    private async Task ReleaseAsync(IReadOnlyList<OriginRepository> origins)
    {
        foreach (var at in origins)
        {
            while (await catalog.Lifecycle.Held.ListAsync(at, "", 200) is { Count: > 0 } rows)
            {
                await catalog.Lifecycle.Held.RemoveAsync(at, [.. rows.Select(row => row.Digest)]);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2301, LogLevel.Warning, "The lifecycle policy of {Repository} cannot be read, and nothing of it expires: {Reason} Put it anew")]
        public static partial void Unreadable(ILogger logger, string repository, string reason);
    }
}
