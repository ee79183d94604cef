using System.Data.Common;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Store;

namespace Millpond.Server.Cache;

/// <summary>
/// Takes blobs into the catalog that are stored but not listed: a crash between the move of a file and its row leaves one, and so does a
/// full disk. Unlisted, it would count nowhere and never be evicted.
/// </summary>
internal sealed partial class Adoption(
    BlobStore store, Fills fills, CatalogDatabase catalog, KnownBlobs known, TimeProvider time, ILogger<Adoption> log)
{
    /// <summary>The walk through the store waits until the server's first clients are served.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromMinutes(1);

    /// <summary>Looks for unlisted blobs, once after the start.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(AfterStart, time, cancellationToken);
        foreach (var (digest, length) in store.Enumerate())
        {
            cancellationToken.ThrowIfCancellationRequested();

            // Asked in this order: a fill is known as stored before it ends.
            if (fills.Find(digest) is null && catalog.FindBlob(digest) is null)
            {
                await AdoptAsync(digest, length, null);
            }
        }
    }

    /// <param name="target">Where it belongs, if that is known.</param>
    public async Task AdoptAsync(Digest digest, long length, RuleMatch? target)
    {
        if (!known.TryAdopt(digest, length))
        {
            return;
        }

        store.Found(length);
        Log.Adopted(log, digest, length);
        try
        {
            await catalog.PutBlobAsync(digest, length, target?.Repository, target?.Rule.Prefix, time.GetUtcNow());
        }
        catch (Exception failure) when (failure is CatalogUnwrittenException or DbException or ObjectDisposedException)
        {
            // It is served all the same, and adopted again by the next run of the server.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1251, LogLevel.Information, "Adopted {Digest}, {Bytes} bytes, which was stored but not listed")]
        public static partial void Adopted(ILogger logger, Digest digest, long bytes);
    }
}
