using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Pulls;

/// <summary>Pulls of blobs: from the store where the digest is linked here, proven where it is not, filled where it is missing.</summary>
internal sealed class BlobPull(
    GovernedUpstreams upstreams, RunningFills fills, BlobStore store, BlobProof proofs, Adoption adoption, CatalogDatabase catalog, LinkMemory known,
    NegativeCache negative, TimeProvider time, MillpondMetrics metrics)
{
    public ValueTask<PullResult<BlobContent>> GetAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        // The catalog is not asked for what is not here anyhow: somebody waits for the first byte from the upstream.
        var isLinked = known.IsLinkedMeanwhile(target, digest);
        if (!isLinked && !options.IsFromHereOnly && proofs.IsNothingHere(digest))
        {
            return new(GetColdAsync(target, digest, isLinked, options, cancellationToken, isNothingHere: true));
        }

        var linked = isLinked ? new(true) : known.IsLinkedAsync(target, digest);
        var opened = linked is { IsCompletedSuccessfully: true, Result: true } ? OpenAsync(target, digest) : default;
        if (opened is { IsCompletedSuccessfully: true, Result: { } stored })
        {
            catalog.Touch(digest, time.GetUtcNow());
            return new(new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null));
        }

        return new(GetSlowlyAsync(linked, opened, target, digest, options, cancellationToken));
    }

    /// <summary>Never starts a fill: what is stored, filling or described is answered from here, else upstream is asked for a few bytes.</summary>
    public async ValueTask<PullResult<BlobHead>> HeadAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        // What a manifest linked here says of it needs no proof: whoever asks has read it there.
        var isLinked = await known.IsLinkedAsync(target, digest);
        var here = isLinked ? await FindLengthAsync(target, digest) : null;
        if ((here ?? await known.FindDescribedSizeAsync(target, digest)) is { } length)
        {
            return new PullResult<BlobHead>(new BlobHead(length), CacheStatus.Hit, null);
        }

        // No more than upstream's word until the fill's end, so it is no hit.
        if (isLinked && fills.Find(digest)?.Size is { } said)
        {
            return new PullResult<BlobHead>(new BlobHead(said), CacheStatus.Miss, null);
        }

        if (options.IsFromHereOnly)
        {
            return NotCached(target, digest);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<BlobProbe>(target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion, options.NoCache) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        if (store.FindLength(digest) is not null)
        {
            var proof = await proofs.RunAsync(target, digest, options.AsProof, cancellationToken);
            if (proof.Failure is { } unproven)
            {
                return unproven;
            }

            if (proof.Verdict == ProofVerdict.Proven && (await FindLengthAsync(target, digest) ?? proof.Length) is { } stored)
            {
                return new PullResult<BlobHead>(new BlobHead(stored), CacheStatus.Revalidated, null);
            }
        }

        // That upstream says yes is enough for a length, and no proof: nothing is linked by it.
        var probe = await negative.LearnAsync(
            target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion,
            upstream.ProbeBlobAsync(options.AsProof, target.UpstreamRepository, digest, cancellationToken));
        return probe.IsFound
            ? new PullResult<BlobHead>(new BlobHead(probe.Value.Length), CacheStatus.Miss, null)
            : probe.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
    }

    /// <summary>Fetches a blob in the background, without a client; null when it is here.</summary>
    public async Task<PullFailure?> FetchAsync(RuleMatch target, Digest digest, long size, Asker asker, CancellationToken cancellationToken)
    {
        var proof = await proofs.RunAsync(target, digest, asker, cancellationToken);
        if (proof.Failure is { } unproven)
        {
            return unproven;
        }

        var isProven = proof.Verdict == ProofVerdict.Proven;
        if (isProven && await FindLengthAsync(target, digest) is not null)
        {
            return null;
        }

        using var reader = await fills.JoinOrLeadAsync(target, digest, size, asker, isProven, cancellationToken);
        switch (await reader.BeginAsync(cancellationToken))
        {
            case FillBegin.Failed failed:
                return failed.Failure;
            case FillBegin.PassedThrough:
                return Unstored(target, digest);
        }

        await reader.Fill.Ended.WaitAsync(cancellationToken);
        return reader.Fill.Growth.End switch
        {
            FillEnd.Failed failed => failed.Failure,
            FillEnd.Unstored => Unstored(target, digest),

            // Brought by another perhaps, while this one waited.
            _ => (await proofs.RunAsync(target, digest, asker, cancellationToken)).Failure,
        };
    }

    private async Task<PullResult<BlobContent>> GetSlowlyAsync(
        ValueTask<bool> linked, ValueTask<StoredBlob?> opened, RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        var wasOpened = linked.IsCompletedSuccessfully;
        var isLinked = await linked;
        if (isLinked && (wasOpened ? await opened : await OpenAsync(target, digest)) is { } stored)
        {
            catalog.Touch(digest, time.GetUtcNow());
            return new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null);
        }

        return await GetColdAsync(target, digest, isLinked, options, cancellationToken);
    }

    /// <param name="isLinked">What the catalog has just said: it is not read again for each step to the upstream, whose first byte somebody waits for.</param>
    /// <param name="isNothingHere">Whether there is neither a file of it nor a fill, whose it could be.</param>
    private async Task<PullResult<BlobContent>> GetColdAsync(
        RuleMatch target, Digest digest, bool isLinked, PullOptions options, CancellationToken cancellationToken, bool isNothingHere = false)
    {
        if (options.IsFromHereOnly)
        {
            return await AwaitStoredAsync(target, digest, cancellationToken) ?? NotCached(target, digest);
        }

        var upstream = upstreams[target.Rule];
        if (negative.Find<BlobProbe>(target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion, options.NoCache) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.BlobUnknown);
        }

        if (isNothingHere)
        {
            return await FillAsync(target, digest, options, isProven: false, cancellationToken);
        }

        var wasLinked = isLinked || known.IsLinkedMeanwhile(target, digest);
        if (wasLinked && fills.Find(digest) is null && await known.FindStoredSizeAsync(digest) is null && store.FindLength(digest) is { } unlisted)
        {
            // Nothing but its name says that it is right: it is hashed before it is served.
            await adoption.AdoptAsync(digest, unlisted, target, cancellationToken);
        }

        var proof = wasLinked
            ? await proofs.RunAsync(target, digest, options.AsProof, cancellationToken)
            : await proofs.OfUnlinkedAsync(target, digest, options.AsProof, cancellationToken);
        if (proof.Failure is { } unproven)
        {
            return unproven;
        }

        var isProven = proof.Verdict == ProofVerdict.Proven;
        if (isProven && await OpenAsync(target, digest, proof.Length) is { } stored)
        {
            catalog.Touch(digest, time.GetUtcNow());
            return new PullResult<BlobContent>(new StoredContent(stored), wasLinked ? CacheStatus.Hit : CacheStatus.Revalidated, null);
        }

        return proof.Verdict == ProofVerdict.Disagrees
            ? await OpenOwnAsync(target, digest, options.AsPull, proof.Length, cancellationToken)
            : await FillAsync(target, digest, options, isProven, cancellationToken);
    }

    private async Task<PullResult<BlobContent>> FillAsync(
        RuleMatch target, Digest digest, PullOptions options, bool isProven, CancellationToken cancellationToken)
    {
        while (true)
        {
            var described = known.FindLatelyDescribed(target, digest) ?? await known.FindDescribedSizeAsync(target, digest);
            var reader = await fills.JoinOrLeadAsync(target, digest, described, options.AsPull, isProven, cancellationToken);
            var fill = reader.Fill;
            var isRead = false;
            try
            {
                // It may be another repository's: then this one's upstream must show that it has the blob too.
                if (reader.NeedsProof)
                {
                    var proof = await proofs.RunAsync(target, digest, options.AsProof, cancellationToken);
                    if (proof.Failure is { } unproven)
                    {
                        return unproven;
                    }

                    if (proof.Verdict == ProofVerdict.Disagrees)
                    {
                        // One of the two upstreams lies. Which, shows at the end of that fill; this client need not wait for it.
                        return await OpenOwnAsync(target, digest, options.AsPull, fill.Size, cancellationToken);
                    }

                    isProven = proof.Verdict == ProofVerdict.Proven;
                    if (isProven)
                    {
                        reader.Proven();
                    }
                }

                if (await AnswerAsync(reader, options, cancellationToken) is { } answer)
                {
                    isRead = answer.Value is GrowingContent;
                    return answer;
                }
            }
            finally
            {
                if (!isRead)
                {
                    reader.Dispose();
                }
            }

            await fill.Ended.WaitAsync(cancellationToken);
        }
    }

    /// <summary>
    /// What a download has just brought whole, once its bytes are put away, for whoever may have nothing asked of upstream; null where there is
    /// none. Not while it grows: to follow it may take requests of one's own.
    /// </summary>
    private async Task<PullResult<BlobContent>?> AwaitStoredAsync(RuleMatch target, Digest digest, CancellationToken cancellationToken)
    {
        if (fills.Find(digest) is { IsDropped: false, Growth.End: FillEnd.Whole } fill)
        {
            await fill.Ended.WaitAsync(cancellationToken);
        }

        return await known.IsLinkedAsync(target, digest) && await OpenAsync(target, digest) is { } stored
            ? (PullResult<BlobContent>?)new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null)
            : null;
    }

    /// <summary>What a fill's reader is answered with, by how it begins; null where that says nothing for this one, who tries anew when it has ended.</summary>
    private async Task<PullResult<BlobContent>?> AnswerAsync(FillReader reader, PullOptions options, CancellationToken cancellationToken)
    {
        var (fill, target) = (reader.Fill, reader.Target);
        var begin = reader.NeedsProof ? null : await reader.BeginAsync(cancellationToken);
        if (reader.Expelled is { } expelled)
        {
            return await TryProveInTimeAsync(reader, options, cancellationToken) ? await AnswerAsync(reader, options, cancellationToken) : expelled;
        }

        switch (begin)
        {
            case FillBegin.Failed failed:
                if (IsFinal(reader, failed.Failure))
                {
                    return failed.Failure;
                }

                return null;
            case FillBegin.PassedThrough:
                return await OpenOwnAsync(target, fill.Digest, options.AsPull, fill.Size, cancellationToken);
            case FillBegin.Growing growing:
                var own = () => Own(target, fill.Digest, options.AsPull, fill.Size);
                return new PullResult<BlobContent>(
                    new GrowingContent(reader, growing.Staging, own, token => TryProveAsync(reader, options, token)), CacheStatus.Miss, null);
            case FillBegin.Stored:
                var proof = await proofs.RunAsync(target, fill.Digest, options.AsProof, cancellationToken);
                if (proof.Failure is { } unproven)
                {
                    return unproven;
                }

                if (proof.Verdict == ProofVerdict.Proven && await OpenAsync(target, fill.Digest, proof.Length) is { } stored)
                {
                    return new PullResult<BlobContent>(new StoredContent(stored), CacheStatus.Hit, null);
                }

                return null;
            default:
                return null;
        }
    }

    /// <summary>Proves one after all whose own upstream does not bring the fill any more: slow or broken, it may still show some bytes.</summary>
    private async Task<bool> TryProveAsync(FillReader reader, PullOptions options, CancellationToken cancellationToken)
    {
        var proof = await proofs.RunAsync(reader.Target, reader.Fill.Digest, options.AsProof, cancellationToken);
        if (proof.Verdict != ProofVerdict.Proven)
        {
            return false;
        }

        reader.Proven();
        return true;
    }

    /// <summary>One who has had no answer yet waits no longer than a cold pull may, both times together.</summary>
    private async Task<bool> TryProveInTimeAsync(FillReader reader, PullOptions options, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(GovernedUpstream.ColdBound - ResumePolicy.FirstPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            return await TryProveAsync(reader, options, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>
    /// Not where it failed for another repository's upstream, which says nothing of this one's, nor where it was refused as background
    /// work before this client joined: this one leads the next fill then.
    /// </summary>
    private static bool IsFinal(FillReader reader, PullFailure failure) =>
        reader.Fill.LedBy.Repository == reader.Target.Repository
        && !(failure.Kind == PullFailureKind.Throttled && reader.Fill.LedFor.IsBackground() && !reader.Reason.IsBackground());

    private async Task<PullResult<BlobContent>> OpenOwnAsync(
        RuleMatch target, Digest digest, Asker asker, long? size, CancellationToken cancellationToken)
    {
        var content = Own(target, digest, asker, size);

        // Where the length is known, it is asked for when it is known which part is wanted, and then for exactly that.
        if (size is not null || await content.OpenAsync(cancellationToken) is not { } failure)
        {
            return new PullResult<BlobContent>(content, CacheStatus.Miss, null);
        }

        await content.DisposeAsync();
        return failure;
    }

    private OwnContent Own(RuleMatch target, Digest digest, Asker asker, long? size) => new(
        digest, size, time, (position, end, length) => new ResumingBody(upstreams, target, digest, () => asker, position, end, length, time, metrics));

    /// <summary>Opens a stored blob, of the length that it is known, described, or was just said to have; adopts one that the catalog does not list.</summary>
    private ValueTask<StoredBlob?> OpenAsync(RuleMatch target, Digest digest, long? said = null)
    {
        var listed = known.FindStoredSizeAsync(digest);
        return listed is { IsCompletedSuccessfully: true, Result: { } size } && !known.IsDoubtful(digest) && store.TryOpen(digest, size) is { } blob
            ? new(blob)
            : OpenSlowlyAsync(listed, target, digest, said);
    }

    private async ValueTask<StoredBlob?> OpenSlowlyAsync(ValueTask<long?> found, RuleMatch target, Digest digest, long? said)
    {
        var listed = await found;
        var isSure = listed is not null && !known.IsDoubtful(digest);
        var described = isSure ? null : await known.FindDescribedSizeAsync(target, digest);
        if ((described ?? listed ?? said) is not { } expected)
        {
            return null;
        }

        var blob = store.TryOpen(digest, expected);
        if (blob is null && listed is not null && !fills.IsRunning(digest))
        {
            // Lost, damaged, or found with a length that is not the blob's.
            await adoption.LostAsync(digest);
        }
        else if (blob is not null && listed is null)
        {
            _ = adoption.AdoptAsync(digest, blob.Length, target, CancellationToken.None);
        }

        return blob;
    }

    /// <summary>The length of what <see cref="OpenAsync"/> would open.</summary>
    private async ValueTask<long?> FindLengthAsync(RuleMatch target, Digest digest) =>
        store.FindLength(digest) is { } length
            && length == (await known.FindStoredSizeAsync(digest) ?? await known.FindDescribedSizeAsync(target, digest))
            ? length
            : null;

    private static PullFailure Unstored(RuleMatch target, Digest digest) => new(
        PullFailureKind.UpstreamFailed, $"{digest} does not fit on the disk of this cache", target.Rule.Prefix, target.Rule.UpstreamName);

    private static PullFailure NotCached(RuleMatch target, Digest digest) => new(
        PullFailureKind.NotCached, $"{digest} is not cached, and the request said only-if-cached", target.Rule.Prefix, target.Rule.UpstreamName);
}
