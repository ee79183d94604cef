using System.Security.Cryptography;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Store;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Pulls;

internal enum ProofVerdict
{
    /// <summary>The target's upstream showed bytes that equal ours: linked.</summary>
    Proven,

    /// <summary>Its upstream says no, or other bytes than those of the digest.</summary>
    Refused,

    /// <summary>Nothing is here that could be compared.</summary>
    NothingHere,

    /// <summary>Its upstream showed other bytes than are here, but nobody has verified these yet.</summary>
    Disagrees,
}

/// <param name="Length">The blob's length, where the upstream said it.</param>
internal readonly record struct Proof(ProofVerdict Verdict, PullFailure? Failure = null, long? Length = null);

/// <summary>
/// Whether a repository has a blob whose bytes are here because of another: its own upstream must show some of them, from a place that it
/// cannot guess. A success alone proves nothing: an upstream may say it to everything.
/// </summary>
internal sealed class BlobProof(
    GovernedUpstreams upstreams, RunningFills fills, BlobStore store, Adoption adoption, LinkMemory known, NegativeCache negative,
    CancellationToken stopping)
{
    /// <summary>As many bytes as two digests: nobody guesses them.</summary>
    private const int SampleLength = 64;

    /// <summary>So much of a fill that has just begun is soon here: a sample from it keeps nobody waiting.</summary>
    private const long FirstBytes = 16 * 1024;

    private readonly SingleFlight<(RepositoryName, Digest), Proof> proofs = new(stopping);

    public async Task<Proof> RunAsync(RuleMatch target, Digest digest, Asker asker, CancellationToken cancellationToken) => await known.IsLinkedAsync(target, digest)
        ? new Proof(ProofVerdict.Proven)
        : await OfUnlinkedAsync(target, digest, asker, cancellationToken);

    /// <summary>Whether there are no bytes of it that could be served, gone on from, or compared with.</summary>
    public bool IsNothingHere(Digest digest) => fills.Find(digest) is null && store.FindLength(digest) is null && !store.HasPartial(digest);

    /// <summary>As <see cref="RunAsync"/>, for one who has just read in the catalog that it is not linked.</summary>
    public async Task<Proof> OfUnlinkedAsync(RuleMatch target, Digest digest, Asker asker, CancellationToken cancellationToken)
    {
        // A client joins what was begun in the background, so that it costs one request; but that is refused first where little is left of a limit.
        var proof = await JoinAsync();
        return !asker.Reason.IsBackground() && proof.Failure is { Kind: PullFailureKind.Throttled } ? await JoinAsync() : proof;

        Task<Proof> JoinAsync() => proofs.RunAsync((target.Repository, digest), token => ProveAsync(target, digest, asker, token), cancellationToken);
    }

    private async Task<Proof> ProveAsync(RuleMatch target, Digest digest, Asker asker, CancellationToken cancellationToken)
    {
        if (known.IsLinkedMeanwhile(target, digest))
        {
            return new Proof(ProofVerdict.Proven);
        }

        // The file first: where there is none, which is the rule for a cold blob, the catalog has nothing to say.
        if (store.FindLength(digest) is not null && await known.FindStoredSizeAsync(digest) is var listed && store.TryOpen(digest, listed) is { } stored)
        {
            using (stored)
            {
                return await AgainstStoredAsync(target, stored, listed is not null && !known.IsDoubtful(digest), asker, cancellationToken);
            }
        }

        if (fills.Find(digest) is null && store.HasOwnPartial(known, target, digest))
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        return fills.Find(digest) is { } fill
            ? await AgainstFillAsync(target, fill, asker, cancellationToken)
            : await AgainstPartialAsync(target, digest, asker, cancellationToken);
    }

    private async Task<Proof> AgainstStoredAsync(RuleMatch target, StoredBlob stored, bool isVerified, Asker asker, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(target, stored.Digest, stored.Length, asker, cancellationToken);
        if (!answer.IsFound)
        {
            return Refused(target, answer);
        }

        if (!isVerified && answer.Value.TotalLength is { } total && total != stored.Length)
        {
            // Left by a crash, or damaged since: not what its name says.
            await adoption.LostAsync(stored.Digest);
            return new Proof(ProofVerdict.NothingHere);
        }

        return await CompareAsync(target, stored.Digest, answer.Value, stored.Length, stored.Read, isVerified);
    }

    private async Task<Proof> AgainstFillAsync(RuleMatch target, Fill fill, Asker asker, CancellationToken cancellationToken)
    {
        using var reader = fill.TryJoin(target, asker, isProven: false);
        if (reader is null || !reader.NeedsProof || fill.Size is null && await reader.BeginAsync(cancellationToken) is not FillBegin.Growing)
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        var growth = fill.Growth;
        while (fill.Size is null && growth.Released < FirstBytes && growth.End is null)
        {
            await growth.WaitBeyondAsync(growth.Released, null, cancellationToken);
        }

        // What its own upstream brought to this fill shows nothing of what another's brings: that is looked at, as soon as it is here.
        var own = target.Repository == fill.LedBy.Repository ? fill.TakenOverAt : 0;
        var within = own > 0 ? fill.Size ?? growth.Released
            : growth.Released >= FirstBytes ? growth.Released : Math.Min(fill.Size ?? growth.Released, FirstBytes);
        if (own > 0 && within <= own)
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        var answer = await AskAsync(target, fill.Digest, within, asker, cancellationToken, own);
        if (!answer.IsFound)
        {
            return Refused(target, answer);
        }

        if (answer.Value.Start < own)
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        if (growth.Released == 0)
        {
            // Nothing to compare it with yet; but should the leader's upstream be silent, this one may lead.
            reader.Answered();
        }

        var needed = answer.Value.Start + answer.Value.Bytes.Length;
        if (await reader.BeginAsync(cancellationToken) is not FillBegin.Growing growing)
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        while (growth.Released < needed && growth.End is null)
        {
            await growth.WaitBeyondAsync(growth.Released, null, cancellationToken);
        }

        if (!reader.NeedsProof)
        {
            // It leads now: what is here is its own upstream's, and proves nothing.
            return new Proof(ProofVerdict.NothingHere);
        }

        var isWhole = growth.End is FillEnd.Whole;
        return growth.Released < needed
            ? new Proof(isWhole ? ProofVerdict.Disagrees : ProofVerdict.NothingHere)
            : await CompareAsync(target, fill.Digest, answer.Value, fill.Size, growing.Staging.Read, isWhole);
    }

    private async Task<Proof> AgainstPartialAsync(RuleMatch target, Digest digest, Asker asker, CancellationToken cancellationToken)
    {
        using var partial = store.TryOpenPartial(digest);
        if (partial is null || partial.Length == 0)
        {
            return new Proof(ProofVerdict.NothingHere);
        }

        var answer = await AskAsync(target, digest, partial.Length, asker, cancellationToken);
        if (!answer.IsFound)
        {
            return Refused(target, answer);
        }

        // Where they differ the partial may be the damaged one: then this target's fill begins at its first byte.
        var proof = await CompareAsync(target, digest, answer.Value, null, partial.Read, isVerified: false);
        return proof.Verdict == ProofVerdict.Disagrees ? new Proof(ProofVerdict.NothingHere) : proof;
    }

    /// <summary>Asks the target's upstream for some bytes that lie at random within the first so many, behind an offset.</summary>
    private async Task<UpstreamResult<BlobPart>> AskAsync(
        RuleMatch target, Digest digest, long within, Asker asker, CancellationToken cancellationToken, long behind = 0)
    {
        var upstream = upstreams[target.Rule];
        var count = Math.Min(SampleLength, within - behind);
        var from = behind + (long)(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) % (ulong)(within - behind - count + 1));

        // An empty blob has no bytes to show; that it is empty, everybody knows.
        var range = new ByteRange(from, from + Math.Max(count, 1) - 1);
        return await negative.LearnAsync(
            target.Repository, NegativeCache.Blob(digest), upstream.CredentialVersion,
            upstream.GetBlobPartAsync(asker, target.UpstreamRepository, digest, range, cancellationToken));
    }

    private async Task<Proof> CompareAsync(RuleMatch target, Digest digest, BlobPart shown, long? length, SampleReader ours, bool isVerified)
    {
        var sample = new byte[shown.Bytes.Length];
        var isEqual = ours(sample, shown.Start) == sample.Length && CryptographicOperations.FixedTimeEquals(sample, shown.Bytes.Span)
            && (length is null || shown.TotalLength is null || shown.TotalLength == length) && (sample.Length > 0 || shown.TotalLength == 0);
        if (isEqual)
        {
            known.LinkProven(target, digest);
            return new Proof(ProofVerdict.Proven, Length: shown.TotalLength);
        }

        return isVerified
            ? new Proof(ProofVerdict.Refused, new PullFailure(
                PullFailureKind.UpstreamFailed, $"{target.Rule.UpstreamName} shows other bytes for {digest} than those that have this digest",
                target.Rule.Prefix, target.Rule.UpstreamName))
            : new Proof(ProofVerdict.Disagrees);
    }

    private static Proof Refused(RuleMatch target, UpstreamResult<BlobPart> answer) =>
        new(ProofVerdict.Refused, answer.ToFailure(target.Rule, PullFailureKind.BlobUnknown));

    private delegate int SampleReader(Span<byte> buffer, long offset);
}
