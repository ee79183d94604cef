using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Lists;

/// <summary>Tag lists: upstream's merged with the tags that are here, in byte order. A page costs a page, however long the list is.</summary>
internal sealed class TagLists(UpstreamList lists, CatalogDatabase catalog, LinkMemory known)
{
    /// <summary>Tools that watch tags expect a new one soon, so a list is checked more often than a tag.</summary>
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(1);

    /// <summary>No further page is asked of upstream for one list: repositories of nightly builds have some hundred thousand.</summary>
    private const int MostTags = 1_000_000;

    public async ValueTask<PullResult<TagList>> ListAsync(RuleMatch target, string? last, int limit, PullOptions options, CancellationToken cancellationToken)
    {
        var at = known.At(target);
        var theirs = await lists.FindAsync(target, Kind(target, at, options), options, cancellationToken);
        var here = await catalog.ListTagsAsync(at, last, limit + 1);
        if (!theirs.IsFound && here.Count == 0 && (await catalog.ListTagsAsync(at, null, 1)).Count == 0)
        {
            return theirs.Failure;
        }

        var page = theirs.IsFound ? await theirs.Value.PageAsync(catalog, last, null, limit + 1) : [];
        var merged = page.Select(static entry => entry.Name).Union(here, StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(limit + 1).ToArray();
        var tags = new TagList(merged.Length > limit ? merged[..limit] : merged, merged.Length > limit, theirs.Value?.CutAt);
        return new PullResult<TagList>(tags, theirs.IsFound ? theirs.Status : CacheStatus.Stale, null);
    }

    private static async Task<UpstreamResult<ListPage>> AskAsync(
        GovernedUpstream upstream, RuleMatch target, string? next, Asker asker, CancellationToken cancellationToken)
    {
        var result = await upstream.ListTagsAsync(asker, target.UpstreamRepository, next, cancellationToken);
        return result.IsFound
            ? new UpstreamResult<ListPage>(UpstreamOutcome.Found, new ListPage([.. result.Value.Tags.Select(static tag => new ListEntry(tag))], result.Value.Last))
            : result.As<ListPage>();
    }

    private ListKind Kind(RuleMatch target, OriginRepository at, PullOptions options)
    {
        var lifetime = target.Rule.RevalidateAfter < LongestLifetime ? target.Rule.RevalidateAfter : LongestLifetime;

        // Some registries answer for every name that there are no tags: that is remembered of a repository that is here only.
        return new ListKind(
            "tags", "tags", MostTags, (upstream, next, token) => AskAsync(upstream, target, next, options.AsCheck, token), _ => lifetime,
            async () => (await catalog.ListTagsAsync(at, null, 1)).Count > 0);
    }
}
