using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Store;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Cache;

/// <summary>
/// Makes room on the disk: the least recently pulled blob goes first, never one that is being read, and a paused download by the time of
/// its last byte among them. Manifests stay, so that an evicted image is pulled again blob by blob.
/// </summary>
internal sealed partial class Eviction(BlobStore store, CatalogDatabase catalog, KnownBlobs known, MillpondMetrics metrics, ILogger<Eviction> log)
{
    /// <summary>Blobs asked of the catalog at once.</summary>
    private const int Batch = 64;

    private readonly Lock gate = new();

    /// <summary>Reserves this many bytes, evicting for them where that can help; null where they do not fit.</summary>
    public DiskPromise? MakeRoom(long bytes)
    {
        if (store.Disk.TryPromise(bytes, out var missing) is { } promise)
        {
            return promise;
        }

        if (!store.Disk.CouldEverFit(bytes))
        {
            return null;
        }

        // One evicts at a time: two that need room would else both evict for the same bytes. Short work on local files, no network.
        lock (gate)
        {
            if (store.Disk.TryPromise(bytes, out missing) is { } meanwhile)
            {
                return meanwhile;
            }

            Evict(missing);
        }

        return store.Disk.TryPromise(bytes, out _);
    }

    /// <summary>Promises more to a download whose size nobody said; false where it does not fit.</summary>
    public bool TryExtend(DiskPromise promise, long bytes)
    {
        if (MakeRoom(bytes) is not { } more)
        {
            return false;
        }

        promise.Add(more);
        return true;
    }

    /// <summary>Brings the store under its limit again, after a restart with a smaller one.</summary>
    public void Enforce()
    {
        lock (gate)
        {
            if (store.Disk.Excess() is > 0 and var excess)
            {
                Evict(excess);
            }
        }
    }

    private void Evict(long missing)
    {
        var freed = 0L;
        var count = 0;
        var batch = Batch;
        var partials = new Queue<(Digest Digest, DateTimeOffset WrittenAt)>(store.ListPartials().OrderBy(static partial => partial.WrittenAt));
        while (freed < missing)
        {
            var rows = catalog.LeastRecentlyPulled(batch);
            var before = freed;
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

                if (!store.IsReading(row.Digest))
                {
                    freed += Remove(row.Digest);
                    count++;
                }
            }

            if (rows.Count < batch)
            {
                break;
            }

            // The removed rows leave the list only with the next commit of the writer, so a later batch must reach past them.
            batch += freed == before ? Batch : 2 * Batch;
        }

        while (freed < missing && partials.TryDequeue(out var partial))
        {
            freed += store.DropPartial(partial.Digest);
        }

        metrics.Evicted(freed);
        if (count > 0)
        {
            Log.Evicted(log, count, freed);
        }
    }

    private long Remove(Digest digest)
    {
        known.Forget(digest);
        var length = store.Delete(digest);

        // Unwritten, a row without its file is a cold miss, and goes with the next eviction.
        _ = catalog.RemoveBlobAsync(digest).OrUnwrittenAsync();
        return length;
    }

    private static partial class Log
    {
        [LoggerMessage(1201, LogLevel.Information, "Evicted {Count} blobs, {Bytes} bytes, least recently pulled first, for room on the disk")]
        public static partial void Evicted(ILogger logger, int count, long bytes);
    }
}
