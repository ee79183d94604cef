using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

/// <summary>What a check of a manifest found: its digest where that was told, and its bytes where they had to be asked for.</summary>
/// <param name="Length">The length that a HEAD told.</param>
internal sealed record CheckedManifest(Digest? Digest, ManifestBody? Body, long? Length = null);

/// <summary>A rule's upstream as the cache asks it: every request says why and passes the governor.</summary>
internal sealed class GovernedUpstream(PullThroughRule rule, UpstreamClient client, Governor governor) : IDisposable
{
    /// <summary>The most a cold pull waits for the upstream's answers, over all tries (DESIGN: errors).</summary>
    public static readonly TimeSpan ColdBound = TimeSpan.FromSeconds(30);

    public PullThroughRule Rule { get; } = rule;

    public Governor Governor { get; } = governor;

    public string CredentialVersion => client.CredentialVersion;

    /// <summary>Whose credential it is now: its user name, null where none is configured. False where it is configured and cannot be read.</summary>
    public bool TryReadUser(out string? user) => client.TryReadUser(out user);

    /// <summary>
    /// Which manifest a reference names, by one HEAD, which registries do not count against a pull limit. A refused HEAD is asked again by
    /// GET before anything is concluded: absent is only what a GET says is absent.
    /// </summary>
    /// <param name="within">The bound over both.</param>
    public Task<UpstreamResult<CheckedManifest>> CheckManifestAsync(
        Asker asker, RepositoryName repository, string reference, TimeSpan? within, CancellationToken cancellationToken) =>
        CheckManifestAsync(CheckOf(asker, repository, reference, within), repository, reference, cancellationToken);

    /// <summary>
    /// Whether a repository has a manifest that this upstream has brought for another, to the same credential: it would have given the bytes, so
    /// that its word is enough. Twice where the first failure may have been chance.
    /// </summary>
    public Task<UpstreamResult<CheckedManifest>> ProveManifestAsync(
        Asker asker, RepositoryName repository, string digest, CancellationToken cancellationToken)
    {
        var inquiry = CheckOf(asker, repository, digest, within: null);
        return Governor.TwiceAsync(inquiry, () => CheckManifestAsync(inquiry, repository, digest, cancellationToken), cancellationToken);
    }

    private async Task<UpstreamResult<CheckedManifest>> CheckManifestAsync(
        Inquiry inquiry, RepositoryName repository, string reference, CancellationToken cancellationToken)
    {
        if (Governor.RefusedHeads.Holds(repository))
        {
            return await GetCheckedAsync(inquiry, repository, reference, cancellationToken);
        }

        var head = await Governor.AskAsync(inquiry, token => client.HeadManifestAsync(repository, reference, token), cancellationToken);
        if (head.IsFound)
        {
            return new UpstreamResult<CheckedManifest>(UpstreamOutcome.Found, new CheckedManifest(head.Value.Digest, null, head.Value.Length));
        }

        if (!RefusedHeads.MayBeOne(head.Status))
        {
            return head.As<CheckedManifest>();
        }

        var got = await GetCheckedAsync(inquiry, repository, reference, cancellationToken);
        if (got.IsFound)
        {
            Governor.RefusedHeads.Learn(repository, head.Status!.Value);
        }

        return got;
    }

    /// <summary>A manifest's bytes in the background, once: what fails is asked again by whoever wanted it, much later.</summary>
    public Task<UpstreamResult<ManifestBody>> GetManifestOnceAsync(RequestReason reason, RepositoryName repository, string reference, CancellationToken cancellationToken) =>
        Governor.AskForPullAsync(CheckOf(reason, repository, reference, within: null), token => client.GetManifestAsync(repository, reference, token), cancellationToken);

    /// <summary>A check that is due and not made because the breaker is open: the probe may make it.</summary>
    public void WantCheck(RepositoryName repository, string reference) => Governor.Want(
        CheckOf(RequestReason.Check, repository, reference, Rule.Timeouts.Revalidate), token => client.HeadManifestAsync(repository, reference, token));

    /// <summary>A manifest, twice where the first failure may have been chance.</summary>
    public Task<UpstreamResult<ManifestBody>> GetManifestAsync(
        Asker asker, RepositoryName repository, string reference, CancellationToken cancellationToken)
    {
        var inquiry = new Inquiry(Inquiry.Manifest(repository, reference), asker) { Within = ColdBound, QueuesFor = ColdBound };
        return Governor.TwiceAsync(
            inquiry, () => Governor.AskForPullAsync(inquiry, token => client.GetManifestAsync(repository, reference, token), cancellationToken), cancellationToken);
    }

    public Task<UpstreamResult<BlobProbe>> ProbeBlobAsync(Asker asker, RepositoryName repository, Digest digest, CancellationToken cancellationToken) =>
        Governor.AskAsync(
            new Inquiry(Inquiry.Blob(repository, digest), asker) { Within = ColdBound, QueuesFor = ColdBound },
            token => client.ProbeBlobAsync(repository, digest, token), cancellationToken);

    /// <summary>What a fill wants of a blob until its first answer, over both tries; the wait for a slot is as long as it takes, for bodies are long.</summary>
    /// <param name="isResume">Whether a part of it has just come.</param>
    public static Inquiry InquiryOf(RepositoryName repository, Digest digest, Func<Asker> asker, bool isResume) =>
        new(Inquiry.Blob(repository, digest), asker) { Within = ColdBound, IsResume = isResume };

    /// <summary>A few bytes: a short request, which takes no body's place.</summary>
    public Task<UpstreamResult<BlobPart>> GetBlobPartAsync(
        Asker asker, RepositoryName repository, Digest digest, ByteRange range, CancellationToken cancellationToken) =>
        Governor.AskAsync(
            new Inquiry(Inquiry.Blob(repository, digest), asker) { Within = ColdBound, QueuesFor = ColdBound },
            token => client.GetBlobPartAsync(repository, digest, range, token), cancellationToken);

    public Task<UpstreamResult<BlobBody>> GetBlobAsync(
        Inquiry inquiry, RepositoryName repository, Digest digest, ByteRange? range, CancellationToken cancellationToken)
    {
        inquiry.Repeat ??= async token => (await client.ProbeBlobAsync(repository, digest, token)).As<object>();
        return Governor.AskBodyAsync(inquiry, token => client.GetBlobAsync(repository, digest, range, token), cancellationToken);
    }

    public Task<UpstreamResult<TagPage>> ListTagsAsync(Asker asker, RepositoryName repository, string? last, CancellationToken cancellationToken) =>
        Governor.AskAsync(
            new Inquiry($"{repository} tags", asker) { QueuesFor = ColdBound }, token => client.ListTagsAsync(repository, last, token), cancellationToken);

    /// <param name="next">Which page: null for the first, else what the page before said.</param>
    public Task<UpstreamResult<ReferrersBody>> GetReferrersAsync(
        Asker asker, RepositoryName repository, Digest subject, string? next, CancellationToken cancellationToken) =>
        Governor.AskAsync(
            new Inquiry($"{repository} referrers {subject}", asker) { QueuesFor = ColdBound },
            token => client.GetReferrersAsync(repository, subject, next, token), cancellationToken);

    private static Inquiry CheckOf(Asker asker, RepositoryName repository, string reference, TimeSpan? within) =>
        new(Inquiry.Manifest(repository, reference), asker)
        {
            Within = within ?? ColdBound,
            WithinWords = within is null ? "over all tries" : "(timeouts.revalidate)",
            QueuesFor = within ?? ColdBound,
        };

    private async Task<UpstreamResult<CheckedManifest>> GetCheckedAsync(
        Inquiry inquiry, RepositoryName repository, string reference, CancellationToken cancellationToken)
    {
        var got = await Governor.AskForPullAsync(inquiry, token => client.GetManifestAsync(repository, reference, token), cancellationToken);
        return got.IsFound
            ? new UpstreamResult<CheckedManifest>(UpstreamOutcome.Found, new CheckedManifest(got.Value.Digest, got.Value))
            : got.As<CheckedManifest>();
    }

    public void Dispose() => client.Dispose();
}
