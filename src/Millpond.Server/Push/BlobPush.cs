using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Store;

namespace Millpond.Server.Push;

/// <summary>
/// Blobs on their way into a repository: uploads from their first byte to their last, and mounts of what another repository has. A push is
/// acknowledged when its bytes, its folder and its rows are on the disk, in this order.
/// </summary>
public sealed partial class BlobPush
{
    private readonly Uploads uploads;
    private readonly UploadBody bodies;
    private readonly BlobStore store;
    private readonly CatalogDatabase catalog;
    private readonly TimeProvider time;
    private readonly ILogger<BlobPush> log;

    internal BlobPush(Uploads uploads, BlobStore store, CatalogDatabase catalog, TimeProvider time, ILogger<BlobPush> log)
    {
        this.uploads = uploads;
        this.store = store;
        this.catalog = catalog;
        this.time = time;
        this.log = log;
        bodies = new UploadBody(uploads);
    }

    /// <summary>Begins an upload.</summary>
    public Task<PushResult<Upload>> BeginAsync(RepositoryName repository) => uploads.BeginAsync(repository);

    /// <summary>An upload that is under way.</summary>
    public PushResult<Upload> Find(RepositoryName repository, string id) => uploads.Find(repository, id) is { } upload ? upload : Unknown;

    /// <summary>One chunk, or as many bytes as come.</summary>
    public async Task<PushResult<Upload>> AppendAsync(Upload upload, PipeReader body, Chunk chunk, CancellationToken cancellationToken)
    {
        using var turn = await upload.TryTakeTurnAsync(chunk.Start, cancellationToken);
        if (turn is null || upload.IsOver)
        {
            return turn is null ? Written : Unknown;
        }

        var failure = await bodies.AppendAsync(upload, body, chunk, turn.Token);
        upload.Used(time.GetUtcNow().UtcTicks);
        return failure is null ? upload : failure;
    }

    /// <summary>The last bytes, perhaps none, and what all of them must be. Where they are not, nothing of the upload is left.</summary>
    public async Task<PushResult<Upload>> FinishAsync(Upload upload, Digest digest, PipeReader body, Chunk chunk, CancellationToken cancellationToken)
    {
        using var turn = await upload.TryTakeTurnAsync(chunk.Start, cancellationToken);
        if (turn is null || upload.IsOver)
        {
            return turn is null ? Written : Unknown;
        }

        if (await bodies.AppendAsync(upload, body, chunk, turn.Token) is { } failure)
        {
            return failure;
        }

        // From here on nothing is cancelled: a client that leaves now must find either all of it or nothing.
        return await KeepAsync(upload, digest) is { } refused ? refused : upload;
    }

    /// <summary>A whole blob in one request: what does not come to its end leaves nothing.</summary>
    public async Task<PushResult<Upload>> PutAsync(RepositoryName repository, Digest digest, PipeReader body, long? length, CancellationToken cancellationToken)
    {
        var begun = await uploads.BeginAsync(repository);
        if (!begun.IsDone)
        {
            return begun;
        }

        try
        {
            return await FinishAsync(begun.Value, digest, body, new Chunk(null, length), cancellationToken);
        }
        finally
        {
            if (!begun.Value.IsOver)
            {
                await uploads.DropAsync(begun.Value);
            }
        }
    }

    /// <summary>Cancels an upload.</summary>
    public async Task<PushResult<Upload>> CancelAsync(Upload upload)
    {
        await uploads.DropAsync(upload);
        return upload;
    }

    /// <summary>Makes a blob that another repository has this one's too, without its bytes being sent; false where that one has it not.</summary>
    public async Task<bool> MountAsync(RepositoryName repository, Digest digest, BlobHome from)
    {
        var at = new OriginRepository(from.Repository, from.Origin, null);
        using var hold = await store.Guards.HoldAsync(digest);

        // By the row and not by memory: the row says that the bytes are on the disk and not only on their way there.
        if (!(await catalog.Contents.FindKindsAsync(at, digest)).HasFlag(LinkKinds.Blob)
            || await catalog.FindBlobAsync(digest) is not { } row || store.FindLength(digest) != row.Size)
        {
            return false;
        }

        try
        {
            return await catalog.Contents.MountAsync(OriginRepository.Own(repository), digest, row.Size, time.GetUtcNow());
        }
        catch (CatalogUnwrittenException)
        {
            // Said by the writer; the client sends the bytes, and hears of it then.
            return false;
        }
    }

    internal static PushFailure Unwritten(string reason) => new(PushFailureKind.Unwritten, reason);

    private static PushFailure Written { get; } = new(PushFailureKind.OutOfOrder, "another request is writing to this upload, beyond where this chunk begins");

    private static PushFailure Unknown { get; } = new(PushFailureKind.UploadUnknown, "it was finished, cancelled or dropped, or never begun; begin another");

    private async Task<PushFailure?> KeepAsync(Upload upload, Digest digest)
    {
        var size = upload.Offset;
        using var hold = await store.Guards.HoldAsync(digest);
        uploads.Forget(upload);
        try
        {
            if (!await Task.Run(() => upload.File.Is(digest)))
            {
                await upload.File.DiscardAsync();
                return new PushFailure(PushFailureKind.DigestInvalid, $"the {size} bytes that came are not {digest}");
            }

            await upload.File.PublishAsync(digest);
            await catalog.Contents.PutBlobAsync(OriginRepository.Own(upload.Repository), digest, size, time.GetUtcNow());
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Log.NotStored(log, digest, upload.Repository, failure.Message);
            await upload.File.DiscardAsync();
            return Unwritten("the disk could not take it");
        }
        catch (CatalogUnwrittenException failure)
        {
            // Its file is there and belongs to nobody: the next start finds and lists it, and it goes with what is evicted.
            Log.NotStored(log, digest, upload.Repository, failure.Message);
            return Unwritten("the catalog could not take it");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1811, LogLevel.Error, "{Digest} was pushed to {Repository} and could not be kept, which the client was told: {Reason}")]
        public static partial void NotStored(ILogger logger, Digest digest, RepositoryName repository, string reason);
    }
}
