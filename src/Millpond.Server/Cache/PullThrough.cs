using Millpond.Images;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>
/// What clients pull, from here or through to upstream. A repository has passed the rules before it comes here; whether a digest may be
/// seen through it is decided here, by its links.
/// </summary>
public sealed class PullThrough
{
    private readonly ManifestPull manifests;
    private readonly BlobPull blobs;
    private readonly TagLists tags;
    private readonly ReferrerLists referrers;

    internal PullThrough(ManifestPull manifests, BlobPull blobs, TagLists tags, ReferrerLists referrers)
    {
        this.manifests = manifests;
        this.blobs = blobs;
        this.tags = tags;
        this.referrers = referrers;
    }

    /// <summary>A manifest by tag or digest; completes synchronously where it is here and fresh.</summary>
    public ValueTask<PullResult<ManifestContent>> GetManifestAsync(
        RuleMatch target, string reference, PullOptions options, CancellationToken cancellationToken) =>
        reference.Contains(':') && Digest.TryParse(reference, out var digest)
            ? manifests.ByDigestAsync(target, digest, options, cancellationToken)
            : manifests.ByTagAsync(target, reference, options, cancellationToken);

    /// <summary>A blob, stored or still being filled. The caller disposes it.</summary>
    public ValueTask<PullResult<BlobContent>> GetBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken) =>
        blobs.GetAsync(target, digest, options, cancellationToken);

    /// <summary>A blob's length, without starting a fill.</summary>
    public ValueTask<PullResult<BlobHead>> HeadBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken) =>
        blobs.HeadAsync(target, digest, options, cancellationToken);

    /// <summary>Tags after <paramref name="last"/>, at most <paramref name="limit"/>.</summary>
    public ValueTask<PullResult<TagList>> ListTagsAsync(RuleMatch target, string? last, int limit, PullOptions options, CancellationToken cancellationToken) =>
        tags.ListAsync(target, last, limit, options, cancellationToken);

    /// <summary>The referrers of a digest, all types.</summary>
    public ValueTask<PullResult<ReferrersList>> ListReferrersAsync(RuleMatch target, Digest subject, PullOptions options, CancellationToken cancellationToken) =>
        referrers.ListAsync(target, subject, options, cancellationToken);
}
