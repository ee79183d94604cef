using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Eviction;

/// <summary>Takes blobs out of store and books together, so that what is counted is what is there. One that somebody is about to promise stays.</summary>
internal sealed partial class BlobBooks(BlobStore store, LinkMemory known, ILogger<BlobBooks> log)
{
    /// <summary>Removes a blob: evicted, damaged, or found missing. How many bytes that freed.</summary>
    /// <param name="mayGo">Asked when nobody can push, mount or link it any more; what was true before need not be.</param>
    public async ValueTask<long> RemoveAsync(Digest digest, Func<ValueTask<bool>> mayGo)
    {
        using var deletion = store.Guards.TryDelete(digest);
        if (deletion is null || !await mayGo())
        {
            return 0;
        }

        var listed = await known.TakeOutAsync(digest);
        var freed = store.Delete(digest);

        // It leaves the books as it stood in them: also where its file had another length, was lost, or was never listed.
        store.Found(freed - (listed ?? 0));

        return freed;
    }

    /// <summary>A blob has no file that can be used: it leaves the books where it is in them, and is fetched again by whoever asked.</summary>
    public async ValueTask LostAsync(Digest digest)
    {
        var wasListed = false;
        await RemoveAsync(digest, async () =>
        {
            // Another may have brought it meanwhile.
            var size = await known.FindStoredSizeAsync(digest);
            using var here = size is null || known.IsDoubtful(digest) ? null : store.TryOpen(digest, size);
            wasListed = size is not null && here is null;
            return here is null;
        });
        if (wasListed)
        {
            Log.Lost(log, digest);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1254, LogLevel.Warning, "{Digest} was listed, but its file is missing, cut or cannot be opened; it is fetched again")]
        public static partial void Lost(ILogger logger, Digest digest);
    }
}
