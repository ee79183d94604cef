using Millpond.Server.Store;

namespace Millpond.Server.Cache.Answers;

/// <summary>A stored blob with the face that fills have too.</summary>
internal sealed class StoredContent(StoredBlob blob) : BlobContent
{
    public override long? Length => blob.Length;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellationToken) =>
        new(blob.Read(buffer.Span, offset));

    internal override FileRange? FindFile(long offset, long most) =>
        Math.Min(most, blob.Length - offset) is > 0 and var length ? new(blob.Handle, offset, (int)Math.Min(length, int.MaxValue)) : null;

    public override ValueTask DisposeAsync()
    {
        blob.Dispose();
        return ValueTask.CompletedTask;
    }
}
