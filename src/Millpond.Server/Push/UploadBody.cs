using System.IO.Pipelines;
using Millpond.Server.Store;

namespace Millpond.Server.Push;

/// <summary>Takes a request's bytes into an upload as they come, within the room that is reserved for them.</summary>
internal sealed class UploadBody(Uploads uploads)
{
    /// <summary>Room that is asked for at once for a body whose length nobody said.</summary>
    private const long Step = 16L * 1024 * 1024;

    /// <summary>
    /// Appends the whole body. Whatever comes of it, the bytes that came are here, and the upload says how many. What is thrown is the client's
    /// connection: it broke, or another took the upload over.
    /// </summary>
    public async Task<PushFailure?> AppendAsync(Upload upload, PipeReader body, Chunk chunk, CancellationToken cancellationToken)
    {
        if (chunk.Start is { } start && start != upload.Offset)
        {
            return new PushFailure(PushFailureKind.OutOfOrder, $"the chunk begins at {start}, and the upload stands at {upload.Offset}");
        }

        if (await uploads.ReserveAsync(chunk.Length ?? 0) is not { } promise)
        {
            return NoRoom(chunk.Length ?? 0);
        }

        try
        {
            return await CopyAsync(upload, body, chunk, promise, cancellationToken);
        }
        finally
        {
            uploads.Settle(promise.Left);
            promise.Dispose();
        }
    }

    private static PushFailure NoRoom(long bytes) =>
        new(PushFailureKind.NoRoom, $"{bytes} bytes more do not fit on this server's disk, or beside the other uploads (storage.limit, push.uploadBytes)");

    private async Task<PushFailure?> CopyAsync(Upload upload, PipeReader body, Chunk chunk, DiskPromise promise, CancellationToken cancellationToken)
    {
        var come = 0L;

        // Not by the token: a read of a body that ends so leaves the web server unable to read past the rest.
        await using var stop = cancellationToken.UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), body);
        while (true)
        {
            var read = await body.ReadAsync(CancellationToken.None);
            if (read.IsCanceled)
            {
                body.AdvanceTo(read.Buffer.Start);
                throw new OperationCanceledException(cancellationToken);
            }

            var buffer = read.Buffer;
            var isTooLong = chunk.Length is { } said && come + buffer.Length > said;
            if (isTooLong)
            {
                buffer = buffer.Slice(0, chunk.Length!.Value - come);
            }

            if (!buffer.IsEmpty)
            {
                if (promise.Left < buffer.Length && !await TryExtendAsync(promise, Math.Max(Step, buffer.Length)))
                {
                    body.AdvanceTo(read.Buffer.Start);
                    return NoRoom(buffer.Length);
                }

                try
                {
                    upload.File.Append(buffer);
                }
                catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
                {
                    body.AdvanceTo(read.Buffer.Start);
                    uploads.Failed(upload, failure);
                    return new PushFailure(PushFailureKind.NoRoom, "the bytes could not be written to this server's disk; its log says why");
                }

                var unsettled = promise.Left;
                promise.Written(buffer.Length);
                uploads.Settle(unsettled - promise.Left);
                come += buffer.Length;
            }

            body.AdvanceTo(read.Buffer.End);
            if (isTooLong || read.IsCompleted)
            {
                return chunk.Length is { } length && (isTooLong || come != length)
                    ? new PushFailure(PushFailureKind.SizeInvalid, $"{length} bytes were said, and {(isTooLong ? "more" : come)} came")
                    : null;
            }
        }
    }

    private async ValueTask<bool> TryExtendAsync(DiskPromise promise, long bytes)
    {
        if (await uploads.ReserveAsync(bytes) is not { } more)
        {
            return false;
        }

        promise.Add(more);
        return true;
    }
}
