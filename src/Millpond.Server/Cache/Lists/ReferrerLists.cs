using System.Runtime.InteropServices;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Lists;

/// <summary>Referrers of a digest, by pages in the order of their digests: upstream's merged with those whose manifests are here.</summary>
internal sealed class ReferrerLists(UpstreamList lists, CatalogDatabase catalog, LinkMemory known)
{
    /// <summary>An image is often signed minutes after it was first pulled: that there is no referrer yet is not believed for long.</summary>
    private static readonly TimeSpan EmptyLifetime = TimeSpan.FromMinutes(5);

    /// <summary>No further page is asked of upstream for one digest.</summary>
    private const int MostReferrers = 10_000;

    /// <param name="last">The digest after which the page begins; null for the first.</param>
    /// <param name="type">Only those of this artifact type; null for all.</param>
    public async ValueTask<PullResult<ReferrersList>> ListAsync(
        RuleMatch target, Digest subject, string? type, string? last, int limit, PullOptions options, CancellationToken cancellationToken)
    {
        var at = known.At(target);
        var theirs = await lists.FindAsync(target, Kind(target, at, subject, options), options, cancellationToken);
        var here = await catalog.ListReferrersAsync(at, subject, last, type, limit + 1);
        if (!theirs.IsFound && here.Count == 0 && (last is null || (await catalog.ListReferrersAsync(at, subject, null, null, 1)).Count == 0))
        {
            return theirs.Failure;
        }

        var found = new SortedDictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        foreach (var entry in theirs.IsFound ? await theirs.Value.PageAsync(catalog, last, type, limit + 1) : [])
        {
            found[entry.Name] = entry.Content;
        }

        foreach (var local in here)
        {
            var name = local.Digest.ToString();
            if (!found.ContainsKey(name))
            {
                found[name] = ReferrerJson.Describe(local);
            }
        }

        var page = new ReferrersList(
            [.. found.Take(limit).Select(static one => new ReferrerDescriptor(one.Key, one.Value))], found.Count > limit, theirs.Value?.CutAt);
        return new PullResult<ReferrersList>(page, theirs.IsFound ? theirs.Status : CacheStatus.Stale, null);
    }

    private ListKind Kind(RuleMatch target, OriginRepository at, Digest subject, PullOptions options) => new(
        $"referrers:{subject}", "referrers", MostReferrers, (upstream, next, token) => AskAsync(upstream, target, subject, next, options.AsCheck, token),
        row => target.Rule.RevalidateAfter > EmptyLifetime && row.Count == 0 ? EmptyLifetime : target.Rule.RevalidateAfter,

        // Anybody may ask for the referrers of any digest in any repository: that there are none is remembered of what is here or named by what is here, and of referrers
        // that were listed, whose own are asked for before they are pulled.
        async () => await known.IsLinkedAsync(target, subject) || await known.FindDescribedSizeAsync(target, subject) is not null
            || await catalog.Lists.NamesReferrerAsync(at, subject));

    private static async Task<UpstreamResult<ListPage>> AskAsync(
        GovernedUpstream upstream, RuleMatch target, Digest subject, string? next, Asker asker, CancellationToken cancellationToken)
    {
        var result = await upstream.GetReferrersAsync(asker, target.UpstreamRepository, subject, next, cancellationToken);
        return result.IsFound
            ? new UpstreamResult<ListPage>(UpstreamOutcome.Found, new ListPage(Read(result.Value.Content), result.Value.Next))
            : result.As<ListPage>();
    }

    private static IReadOnlyList<ListEntry> Read(ReadOnlyMemory<byte> index)
    {
        using var json = ForeignJson.TryParse(index);
        return json?.RootElement.ValueKind == JsonValueKind.Object
            && json.RootElement.TryGetProperty("manifests", out var manifests) && manifests.ValueKind == JsonValueKind.Array
            ? [.. manifests.EnumerateArray().Select(Entry).OfType<ListEntry>()]
            : [];
    }

    private static ListEntry? Entry(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && Digest.TryParse(json.TextOf("digest"), out var digest)
            ? new ListEntry(digest.ToString(), json.TextOf("artifactType"), JsonMarshal.GetRawUtf8Value(json).ToArray())
            : null;
}
