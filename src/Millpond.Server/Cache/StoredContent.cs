using Millpond.Server.Store;

namespace Millpond.Server.Cache;

/// <summary>A stored blob with the face that fills have too.</summary>
internal sealed class StoredContent(StoredBlob blob) : BlobContent
{
    public override long? Length => blob.Length;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken) =>
        new(blob.Read(buffer.Span, offset));

    public override ValueTask DisposeAsync()
    {
        blob.Dispose();
        return ValueTask.CompletedTask;
    }
}
