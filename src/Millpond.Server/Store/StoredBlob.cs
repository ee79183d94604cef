using Microsoft.Win32.SafeHandles;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>A blob that is whole, opened for reading. The open file stays readable when the blob is deleted meanwhile.</summary>
public sealed class StoredBlob : IDisposable
{
    private readonly BlobStore store;
    private SharedFile? file;

    internal StoredBlob(BlobStore store, SharedFile file)
    {
        this.store = store;
        this.file = file;
        Digest = file.Digest;
        Length = file.Length;
    }

    public Digest Digest { get; }

    /// <summary>Its length in bytes.</summary>
    public long Length { get; }

    /// <summary>The open file, until this is disposed.</summary>
    internal SafeFileHandle Handle => (file ?? throw new ObjectDisposedException(nameof(StoredBlob))).Handle;

    /// <summary>
    /// Reads at an offset; 0 at the end. Synchronous on purpose: a pread of cached pages is cheaper than moving it to another thread,
    /// and a cold file blocks a pool thread, of which the host keeps enough.
    /// </summary>
    public int Read(Span<byte> buffer, long offset) =>
        RandomAccess.Read(Handle, buffer, offset);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref file, null) is { } open)
        {
            open.Release();
            store.Release(Digest);
        }
    }
}
