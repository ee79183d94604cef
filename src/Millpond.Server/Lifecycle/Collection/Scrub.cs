using System.Data.Common;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Lifecycle.Collection;

/// <summary>
/// Hashes every stored blob once a month or so. One that is not what its digest says, found twice, is never served again: it is fetched anew
/// where an upstream has it; a pushed one is kept aside and cried out, since nobody else has it.
/// </summary>
internal sealed partial class Scrub(
    CatalogDatabase catalog, BlobStore store, BlobBooks books, BlobRefill refill, TimeProvider time, MillpondMetrics metrics, ILogger<Scrub> log)
{
    private const string Cursor = "scrub";

    /// <summary>Blobs of a page, after which it is written down how far it came.</summary>
    private const int PageSize = 20;

    /// <summary>A small store is read no slower than this, a large one no faster than that: 20 TB a month.</summary>
    private const long SlowestRate = 64 * 1024;

    private const long FastestRate = 8 * 1024 * 1024;

    private static readonly TimeSpan Every = TimeSpan.FromDays(30);

    /// <summary>The first clients after a start come first.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromHours(1);

    /// <summary>Rests are of some length, so that a slow rate is no timer per block.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(11);

    /// <summary>What was pulled so lately is wanted in memory.</summary>
    private static readonly TimeSpan Warm = TimeSpan.FromHours(1);

    private TimeSpan owed;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(AfterStart, time, cancellationToken);
        while (true)
        {
            try
            {
                await PassAsync(cancellationToken);
            }
            catch (Exception failure) when (failure is CatalogUnwrittenException or CatalogUnreadableException or DbException)
            {
                Log.Interrupted(log, failure.Message);
            }

            await Task.Delay(AfterStart, time, cancellationToken);
        }
    }

    /// <summary>Goes on where the last one stopped, to the end; or does nothing where a month has not passed since that began.</summary>
    public async Task PassAsync(CancellationToken cancellationToken)
    {
        var (begun, after) = Read(await catalog.Collection.Cursors.FindAsync(Cursor));
        var now = time.GetUtcNow();
        if (after is null && begun <= now && now - begun < Every)
        {
            return;
        }

        (begun, after) = after is null ? (now, "") : (begun, after);
        var isEnd = false;
        while (!isEnd)
        {
            var page = await catalog.Collection.Garbage.BlobsAsync(after, PageSize);
            foreach (var blob in page)
            {
                await CheckAsync(blob, bytes => ReadAsync(bytes, cancellationToken), cancellationToken);
            }

            isEnd = page.Count < PageSize;
            after = isEnd ? null : page[^1].Digest.ToString();
            await catalog.Collection.Cursors.PutAsync(Cursor, Write(begun, after));
            after ??= "";
        }

        store.Damaged.Sweep();
    }

    /// <summary>Hashes one blob, and heals it where it is damaged.</summary>
    public async Task CheckAsync(BlobState blob, Func<int, ValueTask> read, CancellationToken cancellationToken)
    {
        var keepsPages = time.GetUtcNow() - blob.PulledAt < Warm;
        var file = store.TryOpenForCheck(blob.Digest);
        if (file is null)
        {
            // A pull finds that too, and says so.
            return;
        }

        try
        {
            var verdict = await BlobCheck.RunAsync(file, read, keepsPages);
            if (verdict == BlobVerdict.Wrong)
            {
                // Once more, and from the disk: memory and cables make mistakes too, which are no reason to throw anything away.
                verdict = await BlobCheck.RunAsync(file, read, keepsPages: false);
            }

            if (verdict == BlobVerdict.Unreadable)
            {
                metrics.Scrubbed("unreadable");
                Log.Unreadable(log, blob.Digest);
            }
            else if (verdict == BlobVerdict.Wrong)
            {
                await HealAsync(blob, file, cancellationToken);
            }
        }
        finally
        {
            file.Release();
        }
    }

    private async Task HealAsync(BlobState blob, SharedFile file, CancellationToken cancellationToken)
    {
        var isPushed = false;
        var isOut = false;
        await books.RemoveAsync(blob.Digest, async () =>
        {
            // Brought again meanwhile, its name is another file's.
            if (!file.HasName)
            {
                return false;
            }

            isPushed = await catalog.Contents.IsPushedAsync(blob.Digest);
            isOut = true;
            if (isPushed)
            {
                store.SetAside(blob.Digest);
            }

            return true;
        });
        if (!isOut)
        {
            return;
        }

        var failure = await refill.RunAsync(blob.Digest, blob.Size, cancellationToken);
        metrics.Scrubbed(failure is null ? "refilled" : isPushed ? "kept_aside" : "lost");
        if (failure is null)
        {
            Log.Healed(log, blob.Digest);
        }
        else if (isPushed)
        {
            Log.PushedDamaged(log, blob.Digest, failure);
        }
        else
        {
            Log.NotHealed(log, blob.Digest, failure);
        }
    }

    /// <summary>So many bytes were read: waits as long as they may take.</summary>
    private async ValueTask ReadAsync(int bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var rate = Math.Clamp((long)(store.Disk.Stored / Every.TotalSeconds), SlowestRate, FastestRate);
        owed += TimeSpan.FromSeconds((double)bytes / rate);
        if (owed >= Rest)
        {
            await Task.Delay(owed, time, cancellationToken);
            owed = TimeSpan.Zero;
        }
    }

    private static string Write(DateTimeOffset begun, string? after) =>
        string.Create(CultureInfo.InvariantCulture, $"{begun.ToUnixTimeMilliseconds()} {after ?? "whole"}");

    /// <returns>When the pass began, and the last blob that it looked at; none where it came to its end, or there was none.</returns>
    private static (DateTimeOffset Begun, string? After) Read(string? cursor) =>
        cursor?.Split(' ') is [var begun, var after] && long.TryParse(begun, CultureInfo.InvariantCulture, out var at)
            ? (DateTimeOffset.FromUnixTimeMilliseconds(at), after == "whole" ? null : after)
            : (DateTimeOffset.UnixEpoch, null);

    private static partial class Log
    {
        [LoggerMessage(1971, LogLevel.Warning, "{Digest} was stored and is not what its digest says, at two readings; it was fetched again")]
        public static partial void Healed(ILogger logger, Digest digest);

        [LoggerMessage(1972, LogLevel.Warning, "{Digest} was stored and is not what its digest says, at two readings; it was taken out and is fetched again when it is pulled: {Reason}")]
        public static partial void NotHealed(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1973, LogLevel.Error, "{Digest} was pushed, and what is stored is not what its digest says, at two readings: it is kept aside in the folder 'damaged' of the store and not served. Push it again, or restore it from a copy ({Reason})")]
        public static partial void PushedDamaged(ILogger logger, Digest digest, string reason);

        [LoggerMessage(1974, LogLevel.Warning, "{Digest} cannot be read from the disk; it stays. Check the disk")]
        public static partial void Unreadable(ILogger logger, Digest digest);

        [LoggerMessage(1975, LogLevel.Warning, "The scrub was interrupted and goes on in an hour: {Reason}")]
        public static partial void Interrupted(ILogger logger, string reason);
    }
}
