namespace Millpond.Server.Cache;

/// <summary>
/// A blob that is being filled, as one client reads it: from the growing file, waiting where it has not grown yet. Asks upstream itself
/// only where its range is far ahead of the download, or where storing failed.
/// </summary>
internal sealed class FillContent(Fill fill, Func<long?, PrivateContent> openPrivate) : BlobContent
{
    private long expectedEnd = long.MaxValue;
    private PrivateContent? ahead;
    private bool holdsSideRequest;
    private bool disposed;

    public override long? Length => fill.Size;

    public override void Expect(long from, long length) => expectedEnd = from + length;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken)
    {
        while (true)
        {
            // In this order: a fill turns whole after its last bytes were released, so what is released is then final.
            var isWhole = fill.IsWhole;
            var released = fill.Released;
            if (offset < released && fill.Staging is { } staging)
            {
                var most = (int)Math.Min(buffer.Length, released - offset);
                return staging.Read(buffer.Span[..most], offset);
            }

            if (isWhole)
            {
                return 0;
            }

            if (fill.StoringFailed)
            {
                return await ReadPrivatelyAsync(buffer, offset, verify: true, cancellationToken);
            }

            if (fill.Failure is { } failure)
            {
                throw new FillFailedException(failure);
            }

            if (ahead is not null || fill.TryTakeSideRequest(offset) && (holdsSideRequest = true))
            {
                return await ReadPrivatelyAsync(buffer, offset, verify: false, cancellationToken);
            }

            await fill.WaitBeyondAsync(offset, cancellationToken);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        if (ahead is not null)
        {
            await ahead.DisposeAsync();
        }

        if (holdsSideRequest)
        {
            fill.ReturnSideRequest();
        }

        fill.Leave();
    }

    private async ValueTask<int> ReadPrivatelyAsync(Memory<byte> buffer, long offset, bool verify, CancellationToken cancellationToken)
    {
        if (ahead is null)
        {
            // A body that must be verified is asked to its end; a range ahead only as far as this client reads.
            ahead = openPrivate(verify || fill.Size is not { } size || expectedEnd >= size ? null : expectedEnd);
            if (verify && fill.Staging is { } staging)
            {
                ahead.PrimeFrom(staging, offset);
            }
        }

        return await ahead.ReadAsync(buffer, offset, cancellationToken);
    }
}
