using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Cache.Local;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Cache.Pulls;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

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
    private readonly LinkMemory known;
    private readonly WantedImages images;
    private readonly CacheDrop drop;
    private readonly GovernedUpstreams upstreams;

    internal PullThrough(
        ManifestPull manifests, BlobPull blobs, TagLists tags, ReferrerLists referrers, LinkMemory known, WantedImages images, LocalContents local, CacheDrop drop,
        GovernedUpstreams upstreams)
    {
        this.images = images;
        this.drop = drop;
        this.upstreams = upstreams;
        Local = local;
        this.manifests = manifests;
        this.blobs = blobs;
        this.tags = tags;
        this.referrers = referrers;
        this.known = known;
    }

    /// <summary>What was pushed here.</summary>
    public LocalContents Local { get; }

    /// <summary>A manifest by tag or digest; completes synchronously where it is here and fresh.</summary>
    public ValueTask<PullResult<ManifestContent>> GetManifestAsync(
        RuleMatch target, string reference, PullOptions options, CancellationToken cancellationToken) => target.Rule.IsRetired
        ? FormerAsync(target, manifests.GetAsync(target, reference, FromHere(options), cancellationToken))
        : manifests.GetAsync(target, reference, options, cancellationToken);

    /// <summary>A blob, stored or still being filled. The caller disposes it.</summary>
    public ValueTask<PullResult<BlobContent>> GetBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        if (target.Rule.IsRetired)
        {
            return FormerAsync(target, blobs.GetAsync(target, digest, FromHere(options), cancellationToken));
        }

        if (!options.OnlyIfCached)
        {
            images.BlobAsked(target, digest);
        }

        return blobs.GetAsync(target, digest, options, cancellationToken);
    }

    /// <summary>A blob's length, without starting a fill.</summary>
    public ValueTask<PullResult<BlobHead>> HeadBlobAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken) => target.Rule.IsRetired
        ? FormerAsync(target, blobs.HeadAsync(target, digest, FromHere(options), cancellationToken))
        : blobs.HeadAsync(target, digest, options, cancellationToken);

    /// <summary>Tags after <paramref name="last"/>, at most <paramref name="limit"/>.</summary>
    public ValueTask<PullResult<TagList>> ListTagsAsync(RuleMatch target, string? last, int limit, PullOptions options, CancellationToken cancellationToken) => target.Rule.IsRetired
        ? FormerAsync(target, tags.ListAsync(target, last, limit, FromHere(options), cancellationToken))
        : tags.ListAsync(target, last, limit, options, cancellationToken);

    /// <summary>Referrers of a digest after <paramref name="last"/>, at most <paramref name="limit"/>.</summary>
    /// <param name="type">Only those of this artifact type; null for all.</param>
    public ValueTask<PullResult<ReferrersList>> ListReferrersAsync(
        RuleMatch target, Digest subject, string? type, string? last, int limit, PullOptions options, CancellationToken cancellationToken) => target.Rule.IsRetired
        ? FormerAsync(target, referrers.ListAsync(target, subject, type, last, limit, FromHere(options), cancellationToken))
        : referrers.ListAsync(target, subject, type, last, limit, options, cancellationToken);

    /// <summary>Whether an upstream answers, and takes the rule's credential; why not, or null.</summary>
    public async Task<string?> TryUpstreamAsync(PullThroughRule rule, RepositoryName probe, CancellationToken cancellationToken)
    {
        var answer = await upstreams[rule].ListTagsAsync(RequestReason.Check, probe, null, cancellationToken);
        return answer.IsCredentialRefused ? $"{rule.UpstreamName} refused the credential ({answer.Reason})"
            : answer.Outcome is UpstreamOutcome.Found or UpstreamOutcome.NotFound or UpstreamOutcome.Refused or UpstreamOutcome.Throttled ? null
            : $"{rule.UpstreamName} could not be asked: {answer.Reason}";
    }

    private static PullOptions FromHere(PullOptions options) => options with { OnlyIfCached = true, NoCache = false };

    /// <summary>By a rule that was deleted: what is not here is not there.</summary>
    private static async ValueTask<PullResult<T>> FormerAsync<T>(RuleMatch target, ValueTask<PullResult<T>> pull)
        where T : class
    {
        var result = await pull;
        return result.Failure is { Kind: PullFailureKind.NotCached }
            ? new PullFailure(
                PullFailureKind.ManifestUnknown, $"it is not here, and the rule '{target.Rule.Prefix}' that it was pulled by was deleted", target.Rule.Prefix, target.Rule.UpstreamName)
            : result;
    }

    /// <summary>Whether a repository's content is from where its rule points now.</summary>
    public bool IsOfNow(RuleMatch target, OriginRepository listed) => known.At(target).Origin == listed.Origin;

    /// <summary>The repository with where its rule points now.</summary>
    public BlobHome HomeOf(RuleMatch target) => new(target.Repository, known.At(target).Origin);

    /// <summary>Whether something was pulled through a repository from where its rule points now.</summary>
    public ValueTask<bool> HasCacheAsync(RuleMatch target) => drop.HasRepositoryAsync(target);

    /// <summary>Forgets a tag, so that the next pull asks upstream; false where it was not here.</summary>
    public Task<bool> DropTagAsync(RuleMatch target, string tag) => drop.TagAsync(target, tag);

    /// <summary>Forgets a manifest with the tags that mean it; false where it was not here.</summary>
    public Task<bool> DropManifestAsync(RuleMatch target, Digest digest) => drop.ManifestAsync(target, digest);

    /// <summary>Forgets a blob; its bytes go when no other repository has it. False where it was not here.</summary>
    public Task<bool> DropBlobAsync(RuleMatch target, Digest digest) => drop.BlobAsync(target, digest);
}
