using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Cache.Eviction;

/// <summary>
/// Makes room on the disk: the least recently pulled image goes first, its blobs before its manifests, never a blob that is in use, lists by
/// their last check, and a paused download by the time of its last byte among them.
/// </summary>
internal sealed partial class DiskRoom(
    BlobStore store, CatalogDatabase catalog, BlobBooks books, LinkMemory known, ManifestMemory manifests, MillpondMetrics metrics, TimeProvider time, ILogger<DiskRoom> log)
    : IDisposable
{
    /// <summary>Rows asked of the catalog at once.</summary>
    private const int Batch = 64;

    /// <summary>Rows of the catalog that go make no room on the disk, since its file keeps its length: another round may then be needed.</summary>
    private const int Rounds = 3;

    /// <summary>One evicts at a time: two that need room would else both evict for the same bytes.</summary>
    private readonly SemaphoreSlim gate = new(1, 1);
    private int enforcing;

    /// <summary>Reserves this many bytes where there is room now; null where there is none.</summary>
    public DiskPromise? TryPromise(long bytes) => TryPromise(bytes, out _);

    /// <summary>Reserves this many bytes, evicting for them where that can help; null where they do not fit.</summary>
    public async ValueTask<DiskPromise?> MakeRoomAsync(long bytes)
    {
        if (TryPromise(bytes, out _) is { } promise)
        {
            return promise;
        }

        if (!store.Disk.CouldEverFit(bytes))
        {
            return null;
        }

        await gate.WaitAsync();
        try
        {
            for (var round = 0; round < Rounds; round++)
            {
                if (TryPromise(bytes, out var missing) is { } meanwhile)
                {
                    return meanwhile;
                }

                if (await EvictAsync(missing) == 0)
                {
                    break;
                }
            }
        }
        catch (CatalogUnreadableException)
        {
            // Nobody can say what is the least recently pulled: this one is passed through.
        }
        finally
        {
            gate.Release();
        }

        return TryPromise(bytes, out _);
    }

    /// <summary>Promises more to a download whose size nobody said; false where it does not fit.</summary>
    public async ValueTask<bool> TryExtendAsync(DiskPromise promise, long bytes)
    {
        if (await MakeRoomAsync(bytes) is not { } more)
        {
            return false;
        }

        promise.Add(more);
        return true;
    }

    /// <summary>Brings the store under its limit again: after a restart with a smaller one, and as manifests and lists come.</summary>
    public async Task EnforceAsync()
    {
        await gate.WaitAsync();
        try
        {
            store.Disk.RecordedAre(catalog.RecordedBytes);
            if (store.Disk.Excess() is > 0 and var excess)
            {
                await EvictAsync(excess);
            }
        }
        catch (CatalogUnreadableException unreadable)
        {
            Log.NotEvicted(log, unreadable.Message);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Manifests or lists have come: what is over the limit goes, in the background. However many come meanwhile, one more look is enough.</summary>
    public void EnforceLater()
    {
        store.Disk.RecordedAre(catalog.RecordedBytes);
        if (store.Disk.Excess() > 0 && Interlocked.Exchange(ref enforcing, 1) == 0)
        {
            _ = RunAsync();
        }

        async Task RunAsync()
        {
            await Task.Yield();
            Volatile.Write(ref enforcing, 0);
            try
            {
                await EnforceAsync();
            }
            catch (ObjectDisposedException)
            {
                // The server ends; the next start looks at it.
            }
        }
    }

    public void Dispose() => gate.Dispose();

    private DiskPromise? TryPromise(long bytes, out long missing)
    {
        store.Disk.RecordedAre(catalog.RecordedBytes);
        return store.Disk.TryPromise(bytes, out missing);
    }

    private async Task<long> EvictAsync(long missing)
    {
        await catalog.Order.WritePullsAsync().WithinPullAsync(time);
        var (freed, count) = (0L, 0);
        var gone = new HashSet<string>(StringComparer.Ordinal);
        var partials = new Queue<(Digest Digest, DateTimeOffset WrittenAt)>(store.ListPartials().OrderBy(static partial => partial.WrittenAt));
        await EvictRowsAsync(lastCopies: false);
        while (freed < missing && partials.TryDequeue(out var partial))
        {
            freed += store.DropPartial(partial.Digest);
        }

        // What no upstream has any more, when nothing else is left.
        await EvictRowsAsync(lastCopies: true);
        store.Disk.RecordedAre(catalog.RecordedBytes);
        metrics.Evicted(freed);
        if (count > 0)
        {
            Log.Evicted(log, count, freed);
        }

        return freed;

        async Task EvictRowsAsync(bool lastCopies)
        {
            for (var batch = Batch; freed < missing; batch += 2 * Batch)
            {
                var rows = await catalog.Order.FirstAsync(batch, lastCopies);
                foreach (var row in rows)
                {
                    while (freed < missing && partials.TryPeek(out var partial) && partial.WrittenAt <= row.PulledAt)
                    {
                        freed += store.DropPartial(partials.Dequeue().Digest);
                    }

                    if (freed >= missing)
                    {
                        break;
                    }

                    if (gone.Add($"{row.Kind} {row.Key}") && await RemoveAsync(row, lastCopies) is > 0 and var bytes)
                    {
                        freed += bytes;
                        count++;
                    }
                }

                // The removed rows leave the order only with the next commit of the writer, so a later batch reaches past them.
                if (rows.Count < batch)
                {
                    break;
                }
            }
        }
    }

    /// <summary>The bytes that it gives; 0 where it stays.</summary>
    private async ValueTask<long> RemoveAsync(EvictableRow row, bool lastCopies)
    {
        if (row.Kind == EvictableKind.List)
        {
            await catalog.Order.RemoveListAsync(long.Parse(row.Key, System.Globalization.CultureInfo.InvariantCulture)).WithinPullAsync(time);
            return row.Bytes;
        }

        var digest = Digest.Parse(row.Key);
        if (row.Kind == EvictableKind.Manifest)
        {
            return await RemoveManifestAsync(digest, row, lastCopies) ? row.Bytes : 0;
        }

        // Pushed or pinned since the order was asked, it stays.
        return store.IsInUse(digest) ? 0 : await books.RemoveAsync(digest, () => catalog.Order.MayGoAsync(digest, lastCopies));
    }

    private async Task<bool> RemoveManifestAsync(Digest digest, EvictableRow row, bool lastCopies)
    {
        var removed = catalog.Order.RemoveManifestAsync(digest, row.PulledAt, lastCopies);
        await removed.WithinPullAsync(time);
        if (!removed.IsCompletedSuccessfully || await removed is not { } told)
        {
            return false;
        }

        manifests.ForgetManifest(digest);
        foreach (var (repository, origin, tag) in told.Tags)
        {
            manifests.ForgetTag(repository, origin, tag);
        }

        foreach (var (repository, origin) in told.Links)
        {
            known.ForgetLink(new OriginRepository(repository, origin, null), digest);
        }

        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(1201, LogLevel.Information, "Evicted {Count} blobs, manifests and lists, {Bytes} bytes, least recently pulled image first, for room on the disk")]
        public static partial void Evicted(ILogger logger, int count, long bytes);

        [LoggerMessage(1202, LogLevel.Warning, "The store is over its limit, and nothing was evicted: {Reason}")]
        public static partial void NotEvicted(ILogger logger, string reason);
    }
}
