using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Pulls;

/// <summary>Pulls of manifests by tag and by digest. What is fresh completes without waiting for anything.</summary>
internal sealed class ManifestPull(
    GovernedUpstreams upstreams, ManifestMemory memory, ManifestFetch fetch, TagCheck check, Freshness freshness, LinkMemory known, CatalogDatabase catalog,
    WantedImages images, TimeProvider time)
{
    /// <summary>A client's pull: what it gets is an image that may be wanted whole.</summary>
    public ValueTask<PullResult<ManifestContent>> GetAsync(RuleMatch target, string reference, PullOptions options, CancellationToken cancellationToken)
    {
        var pull = reference.Contains(':') && Digest.TryParse(reference, out var digest)
            ? ByDigestAsync(target, digest, options, cancellationToken)
            : ByTagAsync(target, reference, options, cancellationToken);
        if (!pull.IsCompletedSuccessfully)
        {
            return WatchAsync(target, pull, options);
        }

        var result = pull.Result;
        Watch(target, result, options);
        return new(result);
    }

    private async ValueTask<PullResult<ManifestContent>> WatchAsync(RuleMatch target, ValueTask<PullResult<ManifestContent>> pull, PullOptions options)
    {
        var result = await pull;
        Watch(target, result, options);
        return result;
    }

    private void Watch(RuleMatch target, in PullResult<ManifestContent> result, PullOptions options)
    {
        if (result.IsFound)
        {
            images.ManifestAsked(target, result.Value, options);
        }
    }

    private ValueTask<PullResult<ManifestContent>> ByTagAsync(RuleMatch target, string tag, PullOptions options, CancellationToken cancellationToken)
    {
        var found = memory.FindTagAsync(target, tag);
        return found.IsCompletedSuccessfully
            ? ByTagAsync(target, tag, found.Result, options, cancellationToken)
            : ByTagSlowlyAsync(found, target, tag, options, cancellationToken);
    }

    public ValueTask<PullResult<ManifestContent>> ByDigestAsync(RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        var found = memory.FindManifestAsync(digest);
        if (!found.IsCompletedSuccessfully)
        {
            return new(ByDigestSlowlyAsync(found, target, digest, options, cancellationToken));
        }

        var content = found.Result;
        var linked = known.IsLinkedAsync(target, digest);
        if (content is not null && linked is { IsCompletedSuccessfully: true, Result: true })
        {
            Touch(digest, time.GetUtcNow(), options);
            return new(new PullResult<ManifestContent>(content, CacheStatus.Hit, null));
        }

        return new(ByDigestSlowlyAsync(new(content), target, digest, options, cancellationToken));
    }

    private async ValueTask<PullResult<ManifestContent>> ByTagSlowlyAsync(
        ValueTask<TagEntry?> found, RuleMatch target, string tag, PullOptions options, CancellationToken cancellationToken) =>
        await ByTagAsync(target, tag, await found, options, cancellationToken);

    private ValueTask<PullResult<ManifestContent>> ByTagAsync(
        RuleMatch target, string tag, TagEntry? found, PullOptions options, CancellationToken cancellationToken)
    {
        if (found is not { } entry)
        {
            return options.IsFromHereOnly
                ? new(NotCached(target, tag))
                : new(fetch.RunAsync(target, tag, tag, null, options.AsPull, cancellationToken, options.NoCache));
        }

        var upstream = upstreams[target.Rule];
        var now = time.GetUtcNow();
        Touch(entry.Manifest.Digest, now, options);
        var standing = entry.Origin == TagOrigin.Pushed
            ? Standing.Fresh
            : freshness.Judge(upstream, target.Repository, tag, entry.CheckedAt, target.Rule.RevalidateAfter, options);
        switch (standing)
        {
            case Standing.Fresh:
                return new(new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Hit, null));
            case Standing.Stale:
                if (upstream.Governor.IsOpen && !options.OnlyIfCached)
                {
                    upstream.WantCheck(target.UpstreamRepository, tag);
                }

                return new(new PullResult<ManifestContent>(entry.Manifest, CacheStatus.Stale, null));
            default:
                return new(check.RunAsync(target, tag, entry, standing == Standing.Forced, options.AsCheck, cancellationToken));
        }
    }

    private async Task<PullResult<ManifestContent>> ByDigestSlowlyAsync(
        ValueTask<ManifestContent?> found, RuleMatch target, Digest digest, PullOptions options, CancellationToken cancellationToken)
    {
        if (await found is { } content && await known.IsLinkedAsync(target, digest))
        {
            Touch(digest, time.GetUtcNow(), options);
            return new PullResult<ManifestContent>(content, CacheStatus.Hit, null);
        }

        // Stored for another repository, it is proved by its bytes: an upstream that is not honest says yes to any digest.
        return options.IsFromHereOnly
            ? NotCached(target, digest.ToString())
            : await fetch.RunAsync(target, digest.ToString(), null, null, options.AsPull, cancellationToken, options.NoCache);
    }

    private void Touch(Digest digest, DateTimeOffset now, in PullOptions options)
    {
        if (!options.IsHead)
        {
            catalog.Touch(digest, now);
        }
    }

    private static PullResult<ManifestContent> NotCached(RuleMatch target, string reference) => new PullFailure(
        PullFailureKind.NotCached, $"{target.Repository} {reference} is not cached, and the request said only-if-cached", target.Rule.Prefix,
        target.Rule.UpstreamName);
}
