using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>Pulls of manifests by tag and by digest. What is fresh completes without waiting for anything.</summary>
internal sealed class ManifestPull(
    GovernedUpstreams upstreams, ManifestMemory memory, ManifestFetch fetch, TagCheck check, Freshness freshness, KnownBlobs known, NegativeCache negative,
    CatalogDatabase catalog, TimeProvider time, CancellationToken stopping)
{
    private readonly SingleFlight<(RepositoryName, Digest, bool IsBackground), PullFailure?> proofs = new(stopping);

    public ValueTask<PullResult<ManifestContent>> ByTagAsync(RuleMatch target, string tag, PullOptions options, CancellationToken cancellationToken)
    {
        if (memory.FindTag(target.Repository, tag) is not { } entry)
        {
            return options.OnlyIfCached
                ? new(NotCached(target, tag))
                : new(fetch.RunAsync(target, tag, tag, null, options.Reason, cancellationToken));
        }

        var upstream = upstreams[target.Rule];
        var now = time.GetUtcNow();
        catalog.Touch(entry.Manifest.Digest, now);
        var due = options.NoCache || freshness.IsDue(entry.CheckedAt, target.Rule.RevalidateAfter, upstream.Governor.IsLow);
        if (entry.Origin == TagOrigin.Pushed || !due)
        {
            return new(new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Hit, null));
        }

        var waits = options.OnlyIfCached || upstream.Governor.IsOpen || !options.NoCache && freshness.BacksOff(target.Repository, tag);
        return waits
            ? new(new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Stale, null))
            : new(check.RunAsync(target, tag, entry, options.NoCache, cancellationToken));
    }

    public ValueTask<PullResult<ManifestContent>> ByDigestAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        if (memory.FindManifest(digest) is { } content && known.IsLinked(target.Repository, digest) && known.IsAdopted(target.Repository, digest))
        {
            catalog.Touch(digest, time.GetUtcNow());
            return new(new PullResult<ManifestContent>(content, CacheStatus.Hit, null));
        }

        return new(ByDigestSlowlyAsync(target, digest, options, cancellationToken));
    }

    private async Task<PullResult<ManifestContent>> ByDigestSlowlyAsync(
        RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        var content = memory.FindManifest(digest);
        if (content is null)
        {
            return options.OnlyIfCached
                ? NotCached(target, digest.ToString())
                : await fetch.RunAsync(target, digest.ToString(), null, null, options.Reason, cancellationToken);
        }

        var status = CacheStatus.Hit;
        if (!known.IsLinked(target.Repository, digest))
        {
            if (options.OnlyIfCached)
            {
                return NotCached(target, digest.ToString());
            }

            var reason = options.ProofReason;
            if (await proofs.RunAsync((target.Repository, digest, reason.IsBackground()), token => ProveAsync(target, digest, reason, token), cancellationToken)
                is { } unproven)
            {
                return unproven;
            }

            status = CacheStatus.Revalidated;
        }

        // Linked as an index's child or proven just now: its own children become this repository's too.
        await fetch.KeepAsync(target, content, null);
        return new PullResult<ManifestContent>(content, status, null);
    }

    private async Task<PullFailure?> ProveAsync(RuleMatch target, Digest digest, RequestReason reason, CancellationToken cancellationToken)
    {
        if (known.IsLinked(target.Repository, digest))
        {
            return null;
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<Upstream.ManifestHead>(target.Repository, digest.ToString(), upstream.CredentialVersion) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        var head = await negative.LearnAsync(
            target.Repository, digest.ToString(), upstream.CredentialVersion,
            upstream.HeadManifestAsync(reason, target.UpstreamRepository, digest.ToString(), cancellationToken));
        if (!head.IsFound)
        {
            return head.ToFailure(target.Rule, PullFailureKind.ManifestUnknown);
        }

        // At once, for those who ask between this proof and the recording of it.
        known.Link(target.Repository, digest);
        return null;
    }

    private static PullResult<ManifestContent> NotCached(RuleMatch target, string reference) => new PullFailure(
        PullFailureKind.NotCached, $"{target.Repository} {reference} is not cached, and the request said only-if-cached", target.Rule.Prefix,
        target.Rule.UpstreamName);
}
