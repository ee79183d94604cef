using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Pulls;

/// <summary>
/// Checks a cached tag upstream. Bounded in time as a whole; any failure serves what is here, and so does whatever is thrown: what an
/// upstream sends is read here. What the catalog cannot take is found out again by a later check.
/// </summary>
internal sealed partial class TagCheck(
    GovernedUpstreams upstreams, ManifestMemory memory, LinkMemory known, ManifestFetch fetch, Freshness freshness, CatalogDatabase catalog, TimeProvider time,
    ILogger<TagCheck> log, CancellationToken stopping)
{
    /// <summary>A second 404 counts only this long after the first: a registry that restarts answers 404 for a while.</summary>
    private static readonly TimeSpan BetweenAbsences = TimeSpan.FromMinutes(2);

    private readonly SingleFlight<(RepositoryName, string), PullResult<ManifestContent>> checks = new(stopping);

    /// <summary>The tag after its check; what is here, as stale, where the check fails.</summary>
    /// <param name="entry">The tag as the one who asks saw it.</param>
    /// <param name="isForced">Whether a check that failed a moment ago is no reason to wait with the next.</param>
    public async Task<PullResult<ManifestContent>> RunAsync(
        RuleMatch target, string tag, TagEntry entry, bool isForced, Asker asker, CancellationToken cancellationToken)
    {
        var bound = target.Rule.Timeouts.Revalidate;
        try
        {
            return await checks.RunAsync((target.Repository, tag), token => CheckAsync(target, tag, entry, isForced, asker, token), cancellationToken)
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
        RuleMatch target, string tag, TagEntry entry, bool isForced, Asker asker, CancellationToken cancellationToken)
    {
        if (await memory.FindTagAsync(target, tag) is { } current && current.IsNewerThan(entry))
        {
            return new PullResult<ManifestContent>(current.Manifest, CacheStatus.Hit, null);
        }

        if (!isForced && freshness.BacksOff(target.Repository, tag))
        {
            return Stale(entry);
        }

        try
        {
            var asOf = known.DropCount;
            var found = await upstreams[target.Rule].CheckManifestAsync(
                asker, target.UpstreamRepository, tag, target.Rule.Timeouts.Revalidate, cancellationToken);
            return found.Outcome switch
            {
                UpstreamOutcome.Found => await FoundAsync(target, tag, entry, found.Value!, asOf, asker, cancellationToken),
                UpstreamOutcome.NotFound => Absent(target, tag, entry, found),
                _ => Failed(target, tag, entry, found.Reason),
            };
        }
        catch (Exception unexpected) when (!cancellationToken.IsCancellationRequested)
        {
            Log.Unexpected(log, target.Repository, tag, unexpected);
            freshness.Failed(target.Repository, tag);
            return Stale(entry);
        }
    }

    private PullResult<ManifestContent> Failed(RuleMatch target, string tag, TagEntry entry, string reason)
    {
        freshness.Failed(target.Repository, tag);
        Log.ServedStale(log, target.Repository, tag, reason);
        return Stale(entry);
    }

    private async Task<PullResult<ManifestContent>> FoundAsync(
        RuleMatch target, string tag, TagEntry entry, CheckedManifest found, long asOf, Asker asker, CancellationToken cancellationToken)
    {
        freshness.Succeeded(target.Repository, tag);

        // Deleted from the cache meanwhile, it is neither renewed nor taken from here.
        var isDropped = known.LastDrop(target.Repository) > asOf;
        if (found.Digest == entry.Manifest.Digest && isDropped)
        {
            return new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Revalidated, null);
        }

        if (found.Digest == entry.Manifest.Digest)
        {
            var now = time.GetUtcNow();
            memory.SetTag(target, tag, entry with { CheckedAt = now, AbsentSince = null });
            catalog.RenewTag(known.At(target), tag, now);
            if (entry.AbsentSince is not null)
            {
                _ = catalog.SetTagAbsentAsync(known.At(target), tag, entry.Manifest.Digest, null).OrUnwrittenAsync();
            }

            return new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Revalidated, null);
        }

        // Moved.
        if (found.Body is { } body)
        {
            return new PullResult<ManifestContent>(await fetch.KeepAsync(target, body, tag, asOf), CacheStatus.Miss, null);
        }

        // What the new digest names may be here already; only else it costs a GET. The digest alone proves nothing of another's manifest.
        if (!isDropped && found.Digest is { } digest && await known.IsLinkedAsync(target, digest) && await memory.FindManifestAsync(digest) is { } here)
        {
            _ = fetch.KeepAsync(target, here, tag);
            return new PullResult<ManifestContent>(here, CacheStatus.Revalidated, null);
        }

        var fetched = await fetch.RunAsync(target, found.Digest?.ToString() ?? tag, tag, entry, asker, cancellationToken);
        if (fetched.IsFound)
        {
            return fetched.Value.Digest == entry.Manifest.Digest ? fetched with { Status = CacheStatus.Revalidated } : fetched;
        }

        return Failed(target, tag, entry, fetched.Failure.Reason);
    }

    private PullResult<ManifestContent> Absent(RuleMatch target, string tag, TagEntry entry, UpstreamResult<CheckedManifest> found)
    {
        var now = time.GetUtcNow();
        if (entry.AbsentSince is not { } since || now < since)
        {
            freshness.Failed(target.Repository, tag);
            memory.SetTag(target, tag, entry with { AbsentSince = now });
            _ = catalog.SetTagAbsentAsync(known.At(target), tag, entry.Manifest.Digest, now).OrUnwrittenAsync();
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
            memory.RemoveTag(target, tag);
            _ = catalog.DeleteTagAsync(known.At(target), tag, entry.Manifest.Digest).OrUnwrittenAsync();
            return found.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        Log.KeptDeleted(log, target.Repository, tag);
        memory.SetTag(target, tag, entry with { CheckedAt = now });
        catalog.RenewTag(known.At(target), tag, now);
        return Stale(entry);
    }

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "Served {Repository}:{Tag} stale: {Reason}")]
        public static partial void ServedStale(ILogger logger, RepositoryName repository, string tag, string reason);

        [LoggerMessage(1302, LogLevel.Information, "{Repository}:{Tag} is gone upstream and was deleted here (onUpstreamDelete: follow)")]
        public static partial void FollowedDelete(ILogger logger, RepositoryName repository, string tag);

        [LoggerMessage(1304, LogLevel.Warning, "Served {Repository}:{Tag} stale: what its upstream sent could not be understood")]
        public static partial void Unexpected(ILogger logger, RepositoryName repository, string tag, Exception exception);

        [LoggerMessage(1303, LogLevel.Warning, "{Repository}:{Tag} is gone upstream; it is kept and served (onUpstreamDelete: keep)")]
        public static partial void KeptDeleted(ILogger logger, RepositoryName repository, string tag);
    }
}
