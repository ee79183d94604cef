using Microsoft.Win32.SafeHandles;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>A blob that is whole, opened for reading. The open file stays readable when the blob is deleted meanwhile.</summary>
public sealed class StoredBlob : IDisposable
{
    private readonly BlobStore store;
    private SafeFileHandle? file;

    internal StoredBlob(BlobStore store, Digest digest, SafeFileHandle file, long length)
    {
        this.store = store;
        this.file = file;
        Digest = digest;
        Length = length;
    }

    public Digest Digest { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>
    /// Reads at an offset; 0 at the end. Synchronous on purpose: a pread of cached pages is cheaper than moving it to another thread,
    /// and a cold file blocks a pool thread, of which the host keeps enough.
    /// </summary>
    public int Read(Span<byte> buffer, long offset) =>
        RandomAccess.Read(file ?? throw new ObjectDisposedException(nameof(StoredBlob)), buffer, offset);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref file, null) is { } open)
        {
            open.Dispose();
            store.Release(Digest);
        }
    }
}
