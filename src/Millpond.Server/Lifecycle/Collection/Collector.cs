using System.Data.Common;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Lifecycle.Collection;

/// <summary>
/// Takes away what is of no use any more, while everything is served: first what earlier passes marked and the grace is over for, then it
/// marks what has become useless since. It holds no lock that a pull needs and keeps a page in memory; one that is interrupted begins anew.
/// </summary>
internal sealed partial class Collector(
    CatalogDatabase catalog, BlobStore store, BlobBooks books, PinBook pins, TimeSpan grace, TimeProvider time, MillpondMetrics metrics, ILogger<Collector> log)
{
    /// <summary>How long an untagged image of a cache stays after its last pull: as long as the built-in policy keeps a tagged one.</summary>
    public static readonly TimeSpan UntaggedFor = TimeSpan.FromDays(30);

    /// <summary>How long a pushed blob stays that no manifest names yet, after its upload, mount or last HEAD.</summary>
    public static readonly TimeSpan UnnamedFor = TimeSpan.FromHours(24);

    /// <summary>How long bytes stay of which nobody knows where they belong: after the catalog was lost, whole stores are made of them.</summary>
    public static readonly TimeSpan ForgottenFor = TimeSpan.FromDays(30);

    /// <summary>A look at every blob finds what a crash left, which is little.</summary>
    private static readonly TimeSpan AllBlobsEvery = TimeSpan.FromDays(1);

    /// <summary>Ahead of the time that has passed by so much, the clock was set.</summary>
    private static readonly TimeSpan Jump = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ShortestHold = TimeSpan.FromHours(1);

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(15);

    /// <summary>Rows read at once, some milliseconds.</summary>
    private const int PageSize = 500;

    /// <summary>Rows changed in one write, of which a pull's own may have to wait for one.</summary>
    private const int BatchSize = 50;

    private readonly GarbageTable garbage = catalog.Collection.Garbage;
    private DateTimeOffset? allBlobsAt;
    private (DateTimeOffset Clock, long Timestamp)? last;
    private long? heldSince;
    private TaskCompletionSource wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Between two passes: what is over its grace waits no longer than a quarter of it, or a minute.</summary>
    public TimeSpan Interval => grace / 4 is var quarter && quarter < ShortestInterval ? ShortestInterval : quarter > LongestInterval ? LongestInterval : quarter;

    /// <summary>A pass is wanted soon.</summary>
    public void Want() => Volatile.Read(ref wanted).TrySetResult();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await WaitAsync(cancellationToken);
            try
            {
                await PassAsync(cancellationToken);
            }
            catch (Exception failure) when (failure is CatalogUnwrittenException or CatalogUnreadableException or DbException)
            {
                // What was done stays done; the next pass begins anew.
                Log.Interrupted(log, failure.Message);
            }
        }
    }

    /// <summary>One pass over everything.</summary>
    public async Task PassAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        var pace = new Pace(time, cancellationToken);
        var (now, stamp) = (time.GetUtcNow(), time.GetTimestamp());
        var isHeld = LookAtClock(now, stamp);
        var counts = new CollectedCounts();

        // Pulls that wait to be written, and HEADs of what was pushed: both keep something.
        await catalog.Order.WritePullsAsync();
        if (!isHeld)
        {
            await SweepManifestsAsync(now, counts, pace);
            await SweepLinksAsync(now, counts, pace);
            await SweepBlobsAsync(now, counts, pace);
        }

        await pins.LookOverAsync(pace.RestAsync, cancellationToken);
        await LookAtLastCopiesAsync(pace);
        await MarkManifestsAsync(now, pace);
        await MarkLinksAsync(now, isHeld, counts, pace);
        if (allBlobsAt is not { } at || now - at >= AllBlobsEvery || now < at)
        {
            await MarkForgottenAsync(now, pace);
            allBlobsAt = now;
        }

        if (counts.Any)
        {
            metrics.Collected(counts.Bytes, counts.Links, counts.Manifests, counts.Blobs);
            Log.Collected(log, counts.Manifests, counts.Links, counts.Blobs, counts.Bytes);
        }
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(Task.Delay(Interval, time, waiting.Token), Volatile.Read(ref wanted).Task);
        await waiting.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        Volatile.Write(ref wanted, new(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    /// <summary>
    /// Whether nothing may be taken away now: the clock was set ahead, so that everything seems to have waited for longer than it has. A grace
    /// later what was under way is over. A machine that slept looks the same, and may sleep every night.
    /// </summary>
    private bool LookAtClock(DateTimeOffset now, long stamp)
    {
        if (last is { } before && now - before.Clock - time.GetElapsedTime(before.Timestamp, stamp) > Jump)
        {
            heldSince = stamp;
            Log.ClockJumped(log, now - before.Clock - time.GetElapsedTime(before.Timestamp, stamp));
        }

        last = (now, stamp);
        if (heldSince is { } held && time.GetElapsedTime(held, stamp) >= (grace > ShortestHold ? grace : ShortestHold))
        {
            heldSince = null;
        }

        return heldSince is not null;
    }

    private async Task SweepManifestsAsync(DateTimeOffset now, CollectedCounts counts, Pace pace)
    {
        await foreach (var page in PagesAsync("", after => garbage.UnreferencedAsync(after, PageSize), static row => row.Digest.ToString(), pace))
        {
            await InBatchesAsync(page.Where(row => row.IsOver).Select(row => row.Digest), garbage.ForgetAsync, pace);
            await InBatchesAsync(page.Where(row => !row.IsOver && row.Since > now).Select(row => row.Digest), async ahead =>
            {
                // Written by a clock that was ahead: the grace begins now.
                await garbage.ForgetAsync(ahead);
                await garbage.MarkBlobsAsync(ahead, now);
            }, pace);
            await InBatchesAsync(
                page.Where(row => row.IsManifest && row.Since <= now - grace).Select(row => row.Digest),
                async due => counts.Manifests += await garbage.RemoveManifestsAsync(due, now - grace), pace);
        }
    }

    private async Task SweepLinksAsync(DateTimeOffset now, CollectedCounts counts, Pace pace)
    {
        var renewed = now - UnnamedFor;
        await foreach (var page in PagesAsync(LinkKey.First, after => garbage.MarkedAsync(after, renewed, PageSize), static row => row.Key, pace))
        {
            // One that is marked by a clock that was ahead is marked again.
            await InBatchesAsync(page.Where(row => !row.IsUseless || row.Since > now).Select(row => row.Key), garbage.UnmarkAsync, pace);
            await InBatchesAsync(
                page.Where(row => row.IsUseless && row.Since <= now - grace).Select(row => row.Key),
                async due => counts.Links += await garbage.RemoveLinksAsync(due, now - grace, renewed, now), pace);
        }
    }

    private async Task SweepBlobsAsync(DateTimeOffset now, CollectedCounts counts, Pace pace)
    {
        await foreach (var page in PagesAsync("", after => garbage.UnreferencedAsync(after, PageSize), static row => row.Digest.ToString(), pace))
        {
            await InBatchesAsync(page.Where(row => row.IsBlob && row.Since <= now - grace).Select(row => row.Digest), async due =>
            {
                foreach (var digest in due.Where(digest => !store.IsInUse(digest)))
                {
                    if (await books.RemoveAsync(digest, () => garbage.MayGoAsync(digest, now - grace)) is > 0 and var bytes)
                    {
                        counts.Blobs++;
                        counts.Bytes += bytes;
                    }
                }

                // Their rows go behind this: nothing else's writes wait behind more than a batch of them.
                await garbage.UnmarkAsync([]);
            }, pace);
        }
    }

    /// <summary>What the availability guard holds goes behind everything else where room is needed, and what it holds no more does not.</summary>
    private async Task LookAtLastCopiesAsync(Pace pace)
    {
        var kept = catalog.Collection.Pins;
        await foreach (var page in PagesAsync("", after => kept.ListHeldAsync(after, PageSize), static digest => digest, pace))
        {
            await InBatchesAsync(page, digests => EachAsync(digests, kept.KeepAsync), pace);
        }

        await foreach (var page in PagesAsync("", after => kept.ListReleasedAsync(after, PageSize), static digest => digest, pace))
        {
            await InBatchesAsync(page, digests => EachAsync(digests, kept.ReleaseAsync), pace);
        }

        static async Task EachAsync(IReadOnlyList<string> digests, Func<string, KeptFor, Task> change)
        {
            foreach (var digest in digests)
            {
                await change(digest, KeptFor.LastCopy);
            }
        }
    }

    private async Task MarkManifestsAsync(DateTimeOffset now, Pace pace)
    {
        await foreach (var page in PagesAsync("", after => garbage.ManifestsAsync(after, PageSize), static row => row.Digest, pace))
        {
            await InBatchesAsync(page.Where(row => row.IsLoose).Select(row => row.Digest), loose => garbage.MarkManifestsAsync(loose, now), pace);
        }
    }

    private async Task MarkLinksAsync(DateTimeOffset now, bool isHeld, CollectedCounts counts, Pace pace)
    {
        var (idle, renewed) = (now - UntaggedFor, now - UnnamedFor);
        await foreach (var page in PagesAsync(LinkKey.First, after => garbage.LinksAsync(after, idle, renewed, PageSize), static row => row.Key, pace))
        {
            var useless = page.Where(row => row.IsUseless).ToLookup(row => row.IsManifest, row => row.Key);
            await InBatchesAsync(useless[false], marked => garbage.MarkAsync(marked, now), pace);
            foreach (var link in page.Where(row => row.IsManifest && !row.IsPinned))
            {
                if (pins.Covering(RepositoryName.Parse(link.Key.Repository)).Exists(pattern => pattern.Keeps(null, link.Key.Digest)))
                {
                    await pins.KeepAsync(link.Key.Digest);
                }
            }

            await InBatchesAsync(isHeld ? [] : useless[true], async due => counts.Links += await garbage.RemoveIdleAsync(due, idle, now), pace);
        }
    }

    /// <summary>Blobs that nothing refers to and nobody marked: adopted ones, and what a crash left. And what is kept for nothing any more.</summary>
    private async Task MarkForgottenAsync(DateTimeOffset now, Pace pace)
    {
        await foreach (var page in PagesAsync("", after => garbage.BlobsAsync(after, PageSize), static row => row.Digest.ToString(), pace))
        {
            await InBatchesAsync(
                page.Where(row => row.IsForgotten && row.PulledAt <= now - ForgottenFor).Select(row => row.Digest), forgotten => garbage.MarkBlobsAsync(forgotten, now), pace);
            foreach (var row in page.Where(row => row.Kept != KeptFor.Nothing))
            {
                await catalog.Collection.Pins.ReleaseAsync(row.Digest);
                await pace.RestAsync();
            }
        }
    }

    private static async IAsyncEnumerable<IReadOnlyList<TRow>> PagesAsync<TKey, TRow>(
        TKey first, Func<TKey, ValueTask<IReadOnlyList<TRow>>> read, Func<TRow, TKey> keyOf, Pace pace)
    {
        for (var after = first; ;)
        {
            var page = await read(after);
            await pace.RestAsync();
            yield return page;
            if (page.Count < PageSize)
            {
                yield break;
            }

            after = keyOf(page[^1]);
        }
    }

    private static async Task InBatchesAsync<T>(IEnumerable<T> all, Func<IReadOnlyList<T>, Task> work, Pace pace)
    {
        foreach (var batch in all.Chunk(BatchSize))
        {
            await work(batch);
            await pace.RestAsync();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1961, LogLevel.Information, "Collected {Manifests} manifests, {Links} links and {Blobs} blobs, {Bytes} bytes, that nothing refers to any more")]
        public static partial void Collected(ILogger logger, long manifests, long links, long blobs, long bytes);

        [LoggerMessage(1962, LogLevel.Warning, "Collection was interrupted and begins again with the next pass: {Reason}")]
        public static partial void Interrupted(ILogger logger, string reason);

        [LoggerMessage(1963, LogLevel.Warning, "The clock was set ahead by {Jump}: nothing is collected for the grace, since nobody knows how long anything has waited")]
        public static partial void ClockJumped(ILogger logger, TimeSpan jump);
    }
}
