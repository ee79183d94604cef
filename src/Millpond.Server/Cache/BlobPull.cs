using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Pulls of blobs: from the store where the digest is linked here, proven where it is not, filled where it is missing.</summary>
internal sealed class BlobPull(
    GovernedUpstreams upstreams, Fills fills, BlobStore store, Adoption adoption, CatalogDatabase catalog, KnownBlobs known, NegativeCache negative,
    TimeProvider time, MillpondMetrics metrics, CancellationToken stopping)
{
    private readonly SingleFlight<(RepositoryName, Digest, bool IsBackground), PullFailure?> proofs = new(stopping);

    public ValueTask<PullResult<BlobContent>> GetAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        if (known.IsLinked(target.Repository, digest) && Open(target, digest) is { } stored)
        {
            catalog.Touch(digest, time.GetUtcNow());
            return new(new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null));
        }

        return new(GetColdAsync(target, digest, options, cancellationToken));
    }

    /// <summary>Never starts a fill: what is stored, filling or described is answered from here, else one byte is asked of upstream.</summary>
    public async ValueTask<PullResult<BlobHead>> HeadAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        var linked = known.IsLinked(target.Repository, digest);
        if (linked && (FindLength(target, digest) ?? fills.Find(digest)?.Size ?? catalog.FindDescribedSize(target.Repository, digest)) is { } length)
        {
            return new PullResult<BlobHead>(new BlobHead(length), CacheStatus.Hit, null);
        }

        if (options.OnlyIfCached)
        {
            return NotCached(target, digest);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<BlobProbe>(target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        var probe = await negative.LearnAsync(
            target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion,
            upstream.ProbeBlobAsync(options.ProofReason, target.UpstreamRepository, digest, cancellationToken));
        if (!probe.IsFound)
        {
            return probe.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        await known.LinkProvenAsync(target, digest);
        return (probe.Value.Length ?? FindLength(target, digest)) is { } told
            ? new PullResult<BlobHead>(new BlobHead(told), CacheStatus.Miss, null)
            : new PullFailure(
                PullFailureKind.UpstreamFailed, $"{target.Rule.UpstreamName} does not say how long {digest} is", target.Rule.Prefix, target.Rule.UpstreamName);
    }

    /// <summary>Fetches a blob in the background, without a client; null when it is here.</summary>
    public async Task<PullFailure?> FetchAsync(RuleMatch target, Digest digest, long size, RequestReason reason, CancellationToken cancellationToken)
    {
        if (known.IsLinked(target.Repository, digest) && FindLength(target, digest) is not null)
        {
            return null;
        }

        var fill = await fills.JoinOrLeadAsync(target, digest, size, reason, cancellationToken);
        try
        {
            if (await fill.Started.WaitAsync(cancellationToken) is { } failure)
            {
                return failure;
            }

            await fill.Ended.WaitAsync(cancellationToken);
            return fill.StoringFailed
                ? new PullFailure(PullFailureKind.UpstreamFailed, $"{digest} does not fit on the disk of this cache", target.Rule.Prefix, target.Rule.UpstreamName)
                : fill.Failure;
        }
        finally
        {
            fill.Leave();
        }
    }

    private async Task<PullResult<BlobContent>> GetColdAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        if (options.OnlyIfCached)
        {
            return NotCached(target, digest);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<BlobProbe>(target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        if (!known.IsLinked(target.Repository, digest) && NeedsProof(target, digest))
        {
            if (await ProveOnceAsync(target, digest, options.ProofReason, cancellationToken) is { } unproven)
            {
                return unproven;
            }

            if (Open(target, digest) is { } stored)
            {
                catalog.Touch(digest, time.GetUtcNow());
                return new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Revalidated, null);
            }
        }

        return await FillAsync(target, digest, options, cancellationToken);
    }

    /// <summary>Bytes that are here, in part, or on their way, for another repository perhaps.</summary>
    private bool NeedsProof(RuleMatch target, Digest digest) =>
        fills.Find(digest) is { } fill ? fill.Target.Repository != target.Repository : store.FindLength(digest) is not null || store.HasPartial(digest);

    private async Task<PullFailure?> ProveOnceAsync(RuleMatch target, Digest digest, RequestReason reason, CancellationToken cancellationToken) =>
        known.IsLinked(target.Repository, digest)
            ? null
            : await proofs.RunAsync((target.Repository, digest, reason.IsBackground()), token => ProveAsync(target, digest, reason, token), cancellationToken);

    private async Task<PullFailure?> ProveAsync(RuleMatch target, Digest digest, RequestReason reason, CancellationToken cancellationToken)
    {
        if (known.IsLinked(target.Repository, digest))
        {
            return null;
        }

        var upstream = upstreams[target.Rule];
        var probe = await negative.LearnAsync(
            target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion,
            upstream.ProbeBlobAsync(reason, target.UpstreamRepository, digest, cancellationToken));
        if (!probe.IsFound)
        {
            return probe.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        await known.LinkProvenAsync(target, digest);
        return null;
    }

    private async Task<PullResult<BlobContent>> FillAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        while (true)
        {
            var fill = await fills.JoinOrLeadAsync(target, digest, catalog.FindDescribedSize(target.Repository, digest), options.Reason, cancellationToken);
            var isRead = false;
            try
            {
                // It may have begun, for another repository, after this pull had looked for one.
                if (fill.Target.Repository != target.Repository
                    && await ProveOnceAsync(target, digest, options.ProofReason, cancellationToken) is { } unproven)
                {
                    return unproven;
                }

                if (await fill.Started.WaitAsync(cancellationToken) is { } failure)
                {
                    if (IsFinal(fill, target, failure, options.Reason))
                    {
                        return failure;
                    }

                    await fill.Ended.WaitAsync(cancellationToken);
                }
                else if (!fill.IsInStore)
                {
                    isRead = fill.Staging is not null;
                    return await OpenFillAsync(fill, target, digest, options.Reason, cancellationToken);
                }
                else if (await OpenStoredAsync(target, digest, options.ProofReason, cancellationToken) is { } stored)
                {
                    return stored;
                }
            }
            finally
            {
                if (!isRead)
                {
                    fill.Leave();
                }
            }
        }
    }

    /// <summary>
    /// Not where it failed for another repository's upstream, which says nothing of this one's, nor where it was refused as background
    /// work before this client joined: this one leads the next fill then.
    /// </summary>
    private static bool IsFinal(Fill fill, RuleMatch target, PullFailure failure, RequestReason reason) =>
        fill.Target.Repository == target.Repository
        && !(failure.Kind == PullFailureKind.Throttled && fill.LedFor.IsBackground() && !reason.IsBackground());

    private async Task<PullResult<BlobContent>> OpenFillAsync(
        Fill fill, RuleMatch target, Digest digest, RequestReason reason, CancellationToken cancellationToken)
    {
        if (!known.IsLinked(target.Repository, digest))
        {
            await known.LinkProvenAsync(target, digest);
        }

        if (fill.Staging is not null)
        {
            return new PullResult<BlobContent>(new FillContent(fill, end => Private(target, digest, reason, fill.Size, end)), CacheStatus.Miss, null);
        }

        var content = Private(target, digest, reason, fill.Size, null);
        if (await content.OpenAsync(cancellationToken) is not { } failure)
        {
            return new PullResult<BlobContent>(content, CacheStatus.Miss, null);
        }

        await content.DisposeAsync();
        return failure;
    }

    /// <summary>What was stored while this pull was on its way to a fill; null where it is gone again.</summary>
    private async Task<PullResult<BlobContent>?> OpenStoredAsync(RuleMatch target, Digest digest, RequestReason reason, CancellationToken cancellationToken)
    {
        if (await ProveOnceAsync(target, digest, reason, cancellationToken) is { } unproven)
        {
            return unproven;
        }

        if (Open(target, digest) is { } stored)
        {
            return new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null);
        }

        return null;
    }

    private PrivateContent Private(RuleMatch target, Digest digest, RequestReason reason, long? size, long? end) => new(
        digest, size, (position, known) => new ResumingBody(upstreams[target.Rule], target, digest, () => reason, position, end, known, time, metrics));

    /// <summary>Opens a stored blob; adopts one that the catalog does not list, and does not believe one of the wrong length.</summary>
    private StoredBlob? Open(RuleMatch target, Digest digest)
    {
        var listed = known.FindStoredSize(digest);
        var blob = store.TryOpen(digest, listed ?? catalog.FindDescribedSize(target.Repository, digest));
        if (blob is not null && listed is null)
        {
            _ = adoption.AdoptAsync(digest, blob.Length, target);
        }

        return blob;
    }

    /// <summary>The length of what <see cref="Open"/> would open.</summary>
    private long? FindLength(RuleMatch target, Digest digest) =>
        store.FindLength(digest) is { } length && length == (known.FindStoredSize(digest) ?? catalog.FindDescribedSize(target.Repository, digest) ?? length)
            ? length
            : null;

    private static PullFailure NotCached(RuleMatch target, Digest digest) => new(
        PullFailureKind.NotCached, $"{digest} is not cached, and the request said only-if-cached", target.Rule.Prefix, target.Rule.UpstreamName);
}
