using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Lists;

/// <summary>One page of an upstream's list.</summary>
/// <param name="Next">What asks for the page after it; null at the end.</param>
internal sealed record ListPage(IReadOnlyList<ListEntry> Entries, string? Next);

/// <summary>Which list of a repository: how it is asked for, how long it is fresh, and how much of it is read.</summary>
/// <param name="Key"><c>tags</c>, or <c>referrers:</c> and a digest.</param>
/// <param name="Name">As metrics and the log call its kind.</param>
/// <param name="MostEntries">No further page is asked for once so many have come.</param>
/// <param name="AskAsync">Asks for a page: the first for null, else the one that <see cref="ListPage.Next"/> named.</param>
/// <param name="Lifetime">How long a kept one is served without a check.</param>
/// <param name="IsEmptyKeptAsync">Whether it is worth a row that there is none.</param>
internal sealed record ListKind(
    string Key, string Name, int MostEntries, Func<GovernedUpstream, string?, CancellationToken, Task<UpstreamResult<ListPage>>> AskAsync,
    Func<ListRow, TimeSpan> Lifetime, Func<ValueTask<bool>> IsEmptyKeptAsync);

/// <summary>An upstream's list: in the catalog, or of one that the catalog could not take or that is not worth a row its first page.</summary>
internal sealed record KeptList(ListRow? Row, ListPage? First)
{
    /// <summary>How many entries were read where upstream has more; null where it is whole.</summary>
    public long? CutAt => Row is not null ? Row.CutAt : First?.Next is null ? null : First.Entries.Count;

    /// <summary>Entries after a name, in the order of their bytes.</summary>
    public async ValueTask<IReadOnlyList<ListEntry>> PageAsync(CatalogDatabase catalog, string? after, string? type, int limit)
    {
        if (Row is not null)
        {
            return Row.Count == 0 ? [] : await catalog.Lists.PageAsync(Row.Entries, after, type, limit);
        }

        return
        [
            .. (First?.Entries ?? [])
                .Where(entry => (after is null || string.CompareOrdinal(entry.Name, after) > 0) && (type is null || entry.Type == type))
                .OrderBy(static entry => entry.Name, StringComparer.Ordinal)
                .Take(limit),
        ];
    }
}
