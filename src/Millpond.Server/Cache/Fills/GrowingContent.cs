using Millpond.Server.Cache.Answers;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// A blob that is being filled, as one client reads it: from the growing file, waiting where it has not grown yet. Asks upstream itself
/// only where its range is far ahead of the download, or where storing failed.
/// </summary>
/// <param name="tryProveAsync">Has this reader's own upstream show what another's brings now; false where it does not.</param>
internal sealed class GrowingContent(
    FillReader reader, Staging staging, Func<OwnContent> openOwn, Func<CancellationToken, Task<bool>> tryProveAsync) : BlobContent
{
    private readonly Fill fill = reader.Fill;
    private long expectedEnd = long.MaxValue;
    private bool isPart;

    /// <summary>This reader's own source, far ahead of the download or in its place.</summary>
    private OwnContent? own;
    private bool holdsSideRequest;

    /// <summary>Ends the side request for good; one token for all its reads, as its source wants it.</summary>
    private CancellationTokenSource? sideRequestEnds;
    private bool sideRequestFailed;
    private bool readsOnAlone;

    public override long? Length => fill.Size;

    public override void Expect(long from, long length)
    {
        expectedEnd = from + Math.Min(length, long.MaxValue - from);
        isPart = from > 0 || fill.Size is { } size && expectedEnd < size;
        if (isPart)
        {
            reader.WantsOnly(length);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            // In this order: what is released when a fill has ended is final.
            var end = fill.Growth.End;
            var released = fill.Growth.Released;
            var expelled = reader.Expelled;
            if (expelled is not null && offset >= reader.MayReadTo)
            {
                if (!await tryProveAsync(cancellationToken))
                {
                    throw new FillFailedException(expelled);
                }

                continue;
            }

            if (!readsOnAlone && offset < released)
            {
                // The download has caught up with who was far ahead.
                EndSideRequest();
                var most = (int)Math.Min(buffer.Length, (expelled is null ? released : Math.Min(released, reader.MayReadTo)) - offset);
                return staging.Read(buffer.Span[..most], offset);
            }

            switch (end)
            {
                case FillEnd.Unstored:
                    return await ReadOnAloneAsync(buffer, offset, cancellationToken);
                case FillEnd.Whole:
                    return 0;
                case FillEnd.Failed failed:
                    throw new FillFailedException(failed.Failure);
            }

            if (!TakesSideRequest(offset))
            {
                // A reader of a part looks again after a while; a whole body has nowhere else to go.
                await fill.WaitBeyondAsync(offset, isPart && !sideRequestFailed ? SideRequests.ShortWait : null, cancellationToken);
            }
            else if (await ReadAheadAsync(buffer, offset, cancellationToken) is { } count)
            {
                return count;
            }
        }
    }

    internal override bool IsOfFile => !readsOnAlone && !holdsSideRequest;

    internal override bool IsHere(long offset) => !readsOnAlone && !holdsSideRequest && reader.Expelled is null && offset < fill.Growth.Released;

    internal override FileRange? FindFile(long offset, long most)
    {
        // Who is expelled or reads on alone goes the long way, and so does who has a request of its own that the download has caught up with.
        var released = fill.Growth.Released;
        return IsHere(offset) && offset < released && staging.Handle is { } file
            ? new(file, offset, (int)Math.Min(Math.Min(most, released - offset), int.MaxValue))
            : null;
    }

    public override async ValueTask DisposeAsync()
    {
        EndSideRequest();
        if (own is not null)
        {
            await own.DisposeAsync();
        }

        reader.Dispose();

        // The first reader may still be on the fill's own thread: what its connection does next is not for the others to wait for.
        await Task.Yield();
    }

    private bool TakesSideRequest(long offset)
    {
        holdsSideRequest = holdsSideRequest || isPart && !sideRequestFailed && fill.Sides.TryTake(offset, expectedEnd - offset);
        return holdsSideRequest;
    }

    private OwnContent OpenOwn()
    {
        var opened = openOwn();
        if (isPart)
        {
            opened.EndAt(expectedEnd);
        }

        return opened;
    }

    /// <summary>From a request of this reader's own; null where that failed, and the download is waited for after all.</summary>
    private async ValueTask<int?> ReadAheadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        try
        {
            own ??= OpenOwn();
            sideRequestEnds ??= CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var reading = own.ReadAsync(buffer, offset, sideRequestEnds.Token).AsTask();
            if (!reading.IsCompleted)
            {
                await AwaitEitherAsync(reading, offset, cancellationToken);
            }

            return await reading;
        }
        catch (FillFailedException)
        {
            sideRequestFailed = true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The download has come by first.
        }

        EndSideRequest();
        return null;
    }

    /// <summary>Gives the side request up where the download comes by first: it may wait for a slot that the download itself holds.</summary>
    private async Task AwaitEitherAsync(Task reading, long offset, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await Task.WhenAny(reading, AwaitDownloadAsync(done.Token));
        await done.CancelAsync();
        if (!reading.IsCompleted)
        {
            await sideRequestEnds!.CancelAsync();
        }

        async Task AwaitDownloadAsync(CancellationToken ending)
        {
            while (fill.Growth.Released <= offset && fill.Growth.End is null)
            {
                await fill.WaitBeyondAsync(offset, null, ending);
            }
        }
    }

    private void EndSideRequest()
    {
        if (holdsSideRequest)
        {
            holdsSideRequest = false;
            own?.Close();
            own = null;
            sideRequestEnds?.Dispose();
            sideRequestEnds = null;
            fill.Sides.Return();
        }
    }

    private ValueTask<int> ReadOnAloneAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        if (!readsOnAlone)
        {
            EndSideRequest();
            readsOnAlone = true;
            own = OpenOwn();
            if (!isPart)
            {
                // A whole body is never ended before its digest holds, wherever its bytes came from.
                own.PrimeFrom(staging, offset);
            }
        }

        return own!.ReadAsync(buffer, offset, cancellationToken);
    }
}
