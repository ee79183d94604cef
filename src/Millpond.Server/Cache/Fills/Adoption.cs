using System.Data.Common;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// Takes blobs into the catalog that are stored but not listed: a crash between the move of a file and its row leaves one, and so does a
/// full disk, and all of them where the catalog was moved away. Unlisted, a blob would count nowhere and never be evicted. Its name is no
/// proof of its bytes: it is listed when its digest was found right, and thrown away when not.
/// </summary>
internal sealed partial class Adoption(
    BlobStore store, RunningFills fills, CatalogDatabase catalog, LinkMemory known, BlobBooks books, TimeProvider time, ILogger<Adoption> log)
{
    private const int BlockSize = 256 * 1024;

    /// <summary>The walk through the store waits until the server's first clients are served.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromMinutes(1);

    /// <summary>One is hashed at a time: it is work that no client waits for, or one alone.</summary>
    private readonly PrioritySlots hashing = new(1);

    /// <summary>Looks for unlisted blobs, once after the start.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(AfterStart, time, cancellationToken);
        foreach (var (digest, length) in store.Enumerate())
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                // Asked in this order: a fill is known as stored before it ends.
                if (fills.Find(digest) is null && await catalog.FindBlobAsync(digest) is null)
                {
                    await AdoptAsync(digest, length, null, cancellationToken);
                }
            }
            catch (Exception unexpected) when (unexpected is not OperationCanceledException)
            {
                // One that cannot be adopted must not keep the others from it.
                Log.CannotAdopt(log, digest, unexpected);
            }
        }
    }

    /// <summary>Takes it for known at once, and hashes it. Ends when it is listed or thrown away.</summary>
    /// <param name="target">Where it belongs, if that is known.</param>
    public async Task AdoptAsync(Digest digest, long length, RuleMatch? target, CancellationToken cancellationToken)
    {
        try
        {
            if (!await known.TryAdoptAsync(digest, length))
            {
                return;
            }

            store.Found(length);
            using (await hashing.TakeAsync(() => target is null ? RequestReason.Completion : RequestReason.Pull, cancellationToken))
            {
                if (!await Task.Run(() => IsRight(digest, length), cancellationToken))
                {
                    Log.Damaged(log, digest, length);

                    // Unless verified bytes have come in its place meanwhile.
                    await books.RemoveAsync(digest, () => new(known.IsDoubtful(digest)));
                    return;
                }
            }

            known.Verified(digest);
            Log.Adopted(log, digest, length);
            await catalog.PutBlobAsync(digest, length, target is null ? null : known.At(target), time.GetUtcNow());
        }
        catch (Exception failure) when (failure is CatalogUnwrittenException or CatalogUnreadableException or DbException or ObjectDisposedException)
        {
            // It is served all the same, and adopted again by the next run of the server.
        }
    }

    /// <inheritdoc cref="BlobBooks.LostAsync"/>
    public ValueTask LostAsync(Digest digest) => books.LostAsync(digest);

    private bool IsRight(Digest digest, long length)
    {
        using var blob = store.TryOpen(digest, length);
        if (blob is null)
        {
            return false;
        }

        using var hash = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        var block = new byte[BlockSize];
        for (var at = 0L; ;)
        {
            var count = blob.Read(block, at);
            if (count == 0)
            {
                return Digest.FromHash(digest.Algorithm, hash.GetHashAndReset()) == digest;
            }

            hash.AppendData(block, 0, count);
            at += count;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1251, LogLevel.Information, "Adopted {Digest}, {Bytes} bytes, which was stored but not listed")]
        public static partial void Adopted(ILogger logger, Digest digest, long bytes);

        [LoggerMessage(1252, LogLevel.Warning, "{Digest}, {Bytes} bytes, was stored but not listed, and is not what its digest says: it is thrown away")]
        public static partial void Damaged(ILogger logger, Digest digest, long bytes);

        [LoggerMessage(1253, LogLevel.Warning, "{Digest} is stored but not listed, and could not be adopted")]
        public static partial void CannotAdopt(ILogger logger, Digest digest, Exception exception);
    }
}
