namespace Millpond.Server.Cache;

/// <summary>
/// A blob that is being filled, as one client reads it: from the growing file, waiting where it has not grown yet. Asks upstream itself
/// only where its range is far ahead of the download, or where storing failed.
/// </summary>
internal sealed class FillContent(Fill fill, Func<long?, PrivateContent> openPrivate) : BlobContent
{
    private long expectedEnd = long.MaxValue;
    private bool isPart;

    /// <summary>This reader's own source, far ahead of the download or in its place.</summary>
    private PrivateContent? own;
    private bool holdsSideRequest;

    /// <summary>Ends the side request for good; one token for all its reads, as its source wants it.</summary>
    private CancellationTokenSource? sideRequestEnds;
    private bool sideRequestFailed;
    private bool readsOnAlone;
    private bool disposed;

    public override long? Length => fill.Size;

    public override void Expect(long from, long length)
    {
        expectedEnd = from + length;
        isPart = from > 0 || fill.Size is { } size && expectedEnd < size;
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            // In this order: a fill turns whole after its last bytes were released, so what is released is then final.
            var isWhole = fill.IsWhole;
            var released = fill.Released;
            if (!readsOnAlone && offset < released && fill.Staging is { } staging)
            {
                // The download has caught up with who was far ahead.
                EndSideRequest();
                var most = (int)Math.Min(buffer.Length, released - offset);
                return staging.Read(buffer.Span[..most], offset);
            }

            if (fill.StoringFailed)
            {
                return await ReadOnAloneAsync(buffer, offset, cancellationToken);
            }

            if (isWhole)
            {
                return 0;
            }

            if (fill.Failure is { } failure)
            {
                throw new FillFailedException(failure);
            }

            if (!TakesSideRequest(offset))
            {
                await fill.WaitBeyondAsync(offset, cancellationToken);
            }
            else if (await ReadAheadAsync(buffer, offset, cancellationToken) is { } count)
            {
                return count;
            }
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        EndSideRequest();
        if (own is not null)
        {
            await own.DisposeAsync();
        }

        fill.Leave();
    }

    private bool TakesSideRequest(long offset)
    {
        holdsSideRequest = holdsSideRequest || !sideRequestFailed && fill.TryTakeSideRequest(offset);
        return holdsSideRequest;
    }

    /// <summary>From a request of this reader's own; null where that failed, and the download is waited for after all.</summary>
    private async ValueTask<int?> ReadAheadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        try
        {
            own ??= openPrivate(isPart && expectedEnd < fill.Size ? expectedEnd : null);
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
            while (fill.Released <= offset && !fill.IsWhole && fill.Failure is null && !fill.StoringFailed)
            {
                await fill.WaitBeyondAsync(offset, ending);
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
            fill.ReturnSideRequest();
        }
    }

    private ValueTask<int> ReadOnAloneAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        if (!readsOnAlone)
        {
            EndSideRequest();
            readsOnAlone = true;
            own = openPrivate(isPart && expectedEnd < fill.Size ? expectedEnd : null);
            if (!isPart && fill.Staging is { } staging)
            {
                // A whole body is never ended before its digest holds, wherever its bytes came from.
                own.PrimeFrom(staging, offset);
            }
        }

        return own!.ReadAsync(buffer, offset, cancellationToken);
    }
}
