namespace Millpond.Server.Cache.Answers;

/// <summary>
/// A blob to be answered, stored or still growing: the same face for both, so that hit and miss leave through one response line.
/// Reads wait for bytes that are not here yet. Disposed by whoever answers it.
/// </summary>
public abstract class BlobContent : IAsyncDisposable
{
    /// <summary>The whole blob's length in bytes; null where neither upstream nor a manifest said it (answered chunked).</summary>
    public abstract long? Length { get; }

    /// <summary>Says which bytes will be read, before the first read: a far range may then be asked of upstream by itself.</summary>
    public virtual void Expect(long from, long length)
    {
    }

    /// <summary>Reads at an offset, at least one byte; 0 at the end only.</summary>
    /// <exception cref="FillFailedException">The bytes will not come: the connection must be reset, never ended cleanly.</exception>
    public abstract ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken);

    /// <summary>Whether there are bytes at an offset that can be read without waiting or asking anybody.</summary>
    internal virtual bool IsHere(long offset) => false;

    /// <summary>Which of the bytes at an offset stand in a file now, at most so many; null where none do, and they must be read and waited for.</summary>
    internal virtual FileRange? FindFile(long offset, long most) => null;

    /// <summary>Whether bytes that are waited for will stand in a file then, so that there is no use in reading many.</summary>
    internal virtual bool IsOfFile => false;

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
