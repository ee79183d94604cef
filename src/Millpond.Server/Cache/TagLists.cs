using System.Text.Json;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Tag lists: upstream's merged with the tags that are here, in byte order.</summary>
internal sealed class TagLists(UpstreamList lists, CatalogDatabase catalog)
{
    /// <summary>Tools that watch tags expect a new one soon, so a list is checked more often than a tag.</summary>
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(1);

    /// <summary>No further page is asked of upstream for one list.</summary>
    private const int MostTags = 100_000;

    /// <summary>Of upstreams whose pages are short whatever is asked for: quay.io gives 100 tags.</summary>
    private const int MostPages = 1000;

    /// <summary>Pages in a row without a tag that was not there before: they lead in a circle.</summary>
    private const int MostIdlePages = 2;

    public async ValueTask<PullResult<TagList>> ListAsync(RuleMatch target, string? last, int limit, PullOptions options, CancellationToken cancellationToken)
    {
        var lifetime = target.Rule.RevalidateAfter < LongestLifetime ? target.Rule.RevalidateAfter : LongestLifetime;
        var upstreamTags = await lists.FindAsync(target, "tags", options, _ => lifetime, (upstream, token) => AskAsync(upstream, target, token), cancellationToken);
        var here = catalog.ListTags(target.Repository, last, limit + 1);
        if (!upstreamTags.IsFound && here.Count == 0 && catalog.ListTags(target.Repository, null, 1).Count == 0)
        {
            return upstreamTags.Failure;
        }

        var theirs = upstreamTags.IsFound ? JsonSerializer.Deserialize(upstreamTags.Value, CacheJson.Default.StringArray) ?? [] : [];
        var start = last is null ? 0 : FirstAfter(theirs, last);
        var merged = theirs.Skip(start).Take(limit + 1).Union(here, StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(limit + 1).ToArray();
        var page = new TagList(merged.Length > limit ? merged[..limit] : merged, merged.Length > limit);
        return new PullResult<TagList>(page, upstreamTags.IsFound ? upstreamTags.Status : CacheStatus.Stale, null);
    }

    private static int FirstAfter(string[] sorted, string last)
    {
        var at = Array.BinarySearch(sorted, last, StringComparer.Ordinal);
        return at < 0 ? ~at : at + 1;
    }

    private static async Task<UpstreamResult<byte[]>> AskAsync(GovernedUpstream upstream, RuleMatch target, CancellationToken cancellationToken)
    {
        var tags = new SortedSet<string>(StringComparer.Ordinal);
        string? last = null;
        var idlePages = 0;
        for (var page = 0; page < MostPages && tags.Count < MostTags && idlePages < MostIdlePages; page++)
        {
            var result = await upstream.ListTagsAsync(RequestReason.Check, target.UpstreamRepository, last, cancellationToken);
            if (!result.IsFound)
            {
                return result.As<byte[]>();
            }

            var before = tags.Count;
            tags.UnionWith(result.Value.Tags);
            idlePages = tags.Count == before ? idlePages + 1 : 0;
            if (result.Value.Last is not { } next || next == last)
            {
                break;
            }

            last = next;
        }

        return new UpstreamResult<byte[]>(UpstreamOutcome.Found, JsonSerializer.SerializeToUtf8Bytes([.. tags], CacheJson.Default.StringArray));
    }
}
