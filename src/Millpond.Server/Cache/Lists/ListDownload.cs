using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Lists;

/// <summary>
/// Reads an upstream's list page by page into the catalog; nothing holds more than a page. One that was left on its way, since nobody waited
/// any more, goes on where it stopped when it is asked for again soon: a million tags take longer than a client waits.
/// </summary>
internal sealed partial class ListDownload(CatalogDatabase catalog, MillpondMetrics metrics, TimeProvider time, ILogger<ListDownload> log)
{
    /// <summary>Of upstreams whose pages are short whatever is asked for: quay.io gives 100 tags, and a million of them are so many pages.</summary>
    private const int MostPages = 10_000;

    /// <summary>Pages in a row without an entry that was not there before: they lead in a circle.</summary>
    private const int MostIdlePages = 2;

    /// <summary>What one list may take in the catalog: a million tags, or ten thousand referrers with long annotations.</summary>
    private const long MostBytes = 192L * 1024 * 1024;

    /// <summary>Lists that were left on their way and are kept for a while.</summary>
    private const int MostLeft = 64;

    private static readonly TimeSpan LeftFor = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<(OriginRepository, string), Progress> left = new();

    public async Task<UpstreamResult<KeptList>> RunAsync(OriginRepository at, ListKind kind, GovernedUpstream upstream, CancellationToken cancellationToken)
    {
        var progress = TakeUp(at, kind.Key) ?? new Progress(catalog.Lists.Begin(at, kind.Key), kind.MostEntries);
        var isLeft = false;
        try
        {
            return await RunAsync(at, kind, upstream, progress, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            isLeft = Leave(at, kind.Key, progress);
            throw;
        }
        finally
        {
            if (!isLeft)
            {
                progress.List.Dispose();
            }
        }
    }

    private async Task<UpstreamResult<KeptList>> RunAsync(
        OriginRepository at, ListKind kind, GovernedUpstream upstream, Progress progress, CancellationToken cancellationToken)
    {
        ListPage? first = null;
        while (true)
        {
            var asked = await kind.AskAsync(upstream, progress.Next, cancellationToken);
            if (!asked.IsFound)
            {
                return asked.As<KeptList>();
            }

            first ??= progress.Pages == 0 ? asked.Value : null;
            try
            {
                if (!await progress.TakeAsync(asked.Value))
                {
                    return await EndAsync(at, kind, progress, asked.Value);
                }
            }
            catch (CatalogUnwrittenException) when (first is not null)
            {
                // Served all the same, as far as one page goes, and asked for again next time.
                return new UpstreamResult<KeptList>(UpstreamOutcome.Found, new KeptList(null, first));
            }
            catch (CatalogUnwrittenException unwritten)
            {
                return new UpstreamResult<KeptList>(UpstreamOutcome.ServerError, null, unwritten.Message);
            }
        }
    }

    private async Task<UpstreamResult<KeptList>> EndAsync(OriginRepository at, ListKind kind, Progress progress, ListPage last)
    {
        if (progress.List.Count == 0 && !await kind.IsEmptyKeptAsync())
        {
            return new UpstreamResult<KeptList>(UpstreamOutcome.Found, new KeptList(null, last with { Next = null }));
        }

        var row = await progress.List.PutAsync(progress.IsCut, time.GetUtcNow());
        if (row.CutAt is { } cutAt)
        {
            metrics.ListCut(kind.Name);
            Log.Cut(log, kind.Key, at.Name, cutAt);
        }

        return new UpstreamResult<KeptList>(UpstreamOutcome.Found, new KeptList(row, null));
    }

    private Progress? TakeUp(OriginRepository at, string key)
    {
        if (!left.TryRemove((at, key), out var progress))
        {
            return null;
        }

        if (time.GetElapsedTime(progress.LeftAt) < LeftFor)
        {
            return progress;
        }

        progress.List.Dispose();
        return null;
    }

    private bool Leave(OriginRepository at, string key, Progress progress)
    {
        foreach (var (old, kept) in left)
        {
            if (time.GetElapsedTime(kept.LeftAt) >= LeftFor && left.TryRemove(new KeyValuePair<(OriginRepository, string), Progress>(old, kept)))
            {
                kept.List.Dispose();
            }
        }

        progress.LeftAt = time.GetTimestamp();
        return progress.Pages > 1 && left.Count < MostLeft && left.TryAdd((at, key), progress);
    }

    /// <summary>How far a list has come.</summary>
    private sealed class Progress(ComingList list, int mostEntries)
    {
        private int idlePages;

        public ComingList List => list;

        public int Pages { get; private set; }

        public string? Next { get; private set; }

        public bool IsCut { get; private set; }

        public long LeftAt { get; set; }

        /// <summary>Whether another page is to be asked for.</summary>
        public async Task<bool> TakeAsync(ListPage page)
        {
            var added = await list.AddAsync(page.Entries);
            Pages++;
            idlePages = added == 0 ? idlePages + 1 : 0;
            var isEnd = page.Next is null || page.Next == Next || idlePages >= MostIdlePages;
            Next = page.Next;
            IsCut = !isEnd && (list.Count >= mostEntries || list.Cost >= MostBytes || Pages >= MostPages);
            return !isEnd && !IsCut;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1611, LogLevel.Warning, "{Key} of {Repository} has more than {Count} entries upstream: the list is cut there")]
        public static partial void Cut(ILogger logger, string key, RepositoryName repository, long count);
    }
}
