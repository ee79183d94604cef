using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>
/// Checks a cached tag upstream with one HEAD, which registries do not count against a pull limit. Bounded in time as a whole; any
/// failure serves what is here. What the catalog cannot take is found out again by a later check.
/// </summary>
internal sealed partial class TagCheck(
    GovernedUpstreams upstreams, ManifestMemory memory, ManifestFetch fetch, Freshness freshness, CatalogDatabase catalog, TimeProvider time,
    ILogger<TagCheck> log, CancellationToken stopping)
{
    /// <summary>A second 404 counts only this long after the first: a registry that restarts answers 404 for a while.</summary>
    private static readonly TimeSpan BetweenAbsences = TimeSpan.FromMinutes(2);

    private readonly SingleFlight<(RepositoryName, string), PullResult<ManifestContent>> checks = new(stopping);

    /// <summary>The tag after its check; what is here, as stale, where the check fails.</summary>
    /// <param name="entry">The tag as the one who asks saw it.</param>
    /// <param name="isForced">Whether a check that failed a moment ago is no reason to wait with the next.</param>
    public async Task<PullResult<ManifestContent>> RunAsync(
        RuleMatch target, string tag, TagEntry entry, bool isForced, CancellationToken cancellationToken)
    {
        var bound = target.Rule.Timeouts.Revalidate;
        try
        {
            return await checks.RunAsync((target.Repository, tag), token => CheckAsync(target, tag, entry, isForced, token), cancellationToken)
                .WaitAsync(bound, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The new manifest may still be coming; neither this pull waits longer for it, nor the next one anew.
            freshness.Failed(target.Repository, tag);
            return Stale(entry);
        }
    }

    private static PullResult<ManifestContent> Stale(TagEntry entry) => new(entry.Manifest, CacheStatus.Stale, null);

    private async Task<PullResult<ManifestContent>> CheckAsync(
        RuleMatch target, string tag, TagEntry entry, bool isForced, CancellationToken cancellationToken)
    {
        if (memory.FindTag(target.Repository, tag) is { } current && current.IsNewerThan(entry))
        {
            return new PullResult<ManifestContent>(current.Manifest, CacheStatus.Hit, null);
        }

        if (!isForced && freshness.BacksOff(target.Repository, tag))
        {
            return Stale(entry);
        }

        var upstream = upstreams[target.Rule];
        using var bound = new CancellationTokenSource(target.Rule.Timeouts.Revalidate, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        UpstreamResult<ManifestHead> head;
        try
        {
            head = await upstream.HeadManifestAsync(RequestReason.Check, target.UpstreamRepository, tag, both.Token);
        }
        catch (OperationCanceledException cause) when (bound.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            head = upstream.Governor.TimedOut<ManifestHead>(
                RequestReason.Check,
                $"{target.Rule.UpstreamName} did not answer a check within {target.Rule.Timeouts.Revalidate.TotalSeconds} s (timeouts.revalidate)",
                cause);
        }

        if (head.IsFound)
        {
            return await FoundAsync(target, tag, entry, head.Value, cancellationToken);
        }

        if (head.Outcome == UpstreamOutcome.NotFound)
        {
            return await AbsentAsync(target, tag, entry, head);
        }

        freshness.Failed(target.Repository, tag);
        Log.ServedStale(log, target.Repository, tag, head.Reason);
        return Stale(entry);
    }

    private async Task<PullResult<ManifestContent>> FoundAsync(
        RuleMatch target, string tag, TagEntry entry, ManifestHead head, CancellationToken cancellationToken)
    {
        freshness.Succeeded(target.Repository, tag);
        if (head.Digest == entry.Manifest.Digest)
        {
            var now = time.GetUtcNow();
            memory.SetTag(target.Repository, tag, entry with { CheckedAt = now, AbsentSince = null });
            catalog.RenewTag(target.Repository, tag, now);
            if (entry.AbsentSince is not null)
            {
                await catalog.SetTagAbsentAsync(target.Repository, tag, null).OrUnwrittenAsync();
            }

            return new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Revalidated, null);
        }

        // Moved. What the new digest names may be here already; only else it costs a GET.
        if (head.Digest is { } digest && memory.FindManifest(digest) is { } here)
        {
            await fetch.KeepAsync(target, here, tag);
            return new PullResult<ManifestContent>(here, CacheStatus.Revalidated, null);
        }

        var fetched = await fetch.RunAsync(target, head.Digest?.ToString() ?? tag, tag, entry, RequestReason.Check, cancellationToken);
        if (fetched.IsFound)
        {
            return fetched.Value.Digest == entry.Manifest.Digest ? fetched with { Status = CacheStatus.Revalidated } : fetched;
        }

        freshness.Failed(target.Repository, tag);
        Log.ServedStale(log, target.Repository, tag, fetched.Failure.Reason);
        return Stale(entry);
    }

    private async Task<PullResult<ManifestContent>> AbsentAsync(RuleMatch target, string tag, TagEntry entry, UpstreamResult<ManifestHead> head)
    {
        var now = time.GetUtcNow();
        if (entry.AbsentSince is not { } since || now < since)
        {
            freshness.Failed(target.Repository, tag);
            memory.SetTag(target.Repository, tag, entry with { AbsentSince = now });
            await catalog.SetTagAbsentAsync(target.Repository, tag, now).OrUnwrittenAsync();
            return Stale(entry);
        }

        if (now - since < BetweenAbsences)
        {
            freshness.Failed(target.Repository, tag);
            return Stale(entry);
        }

        freshness.Succeeded(target.Repository, tag);
        if (target.Rule.OnUpstreamDelete == OnUpstreamDelete.Follow)
        {
            Log.FollowedDelete(log, target.Repository, tag);
            memory.RemoveTag(target.Repository, tag);
            await catalog.DeleteTagAsync(target.Repository, tag).OrUnwrittenAsync();
            return head.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        Log.KeptDeleted(log, target.Repository, tag);
        memory.SetTag(target.Repository, tag, entry with { CheckedAt = now });
        catalog.RenewTag(target.Repository, tag, now);
        return Stale(entry);
    }

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "Served {Repository}:{Tag} stale: {Reason}")]
        public static partial void ServedStale(ILogger logger, RepositoryName repository, string tag, string reason);

        [LoggerMessage(1302, LogLevel.Information, "{Repository}:{Tag} is gone upstream and was deleted here (onUpstreamDelete: follow)")]
        public static partial void FollowedDelete(ILogger logger, RepositoryName repository, string tag);

        [LoggerMessage(1303, LogLevel.Warning, "{Repository}:{Tag} is gone upstream; it is kept and served (onUpstreamDelete: keep)")]
        public static partial void KeptDeleted(ILogger logger, RepositoryName repository, string tag);
    }
}
