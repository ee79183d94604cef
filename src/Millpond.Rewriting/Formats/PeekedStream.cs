namespace Millpond.Rewriting.Formats;

/// <summary>A stream whose beginning can be looked at before it is read.</summary>
internal sealed class PeekedStream(Stream inner) : Stream
{
    private const int PeekLength = 4096;

    private byte[]? head;
    private int at;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The first bytes, which are still to be read.</summary>
    public ReadOnlySpan<byte> Peek()
    {
        if (head is null)
        {
            var bytes = new byte[PeekLength];
            var length = inner.ReadAtLeast(bytes, PeekLength, throwOnEndOfStream: false);
            head = bytes[..length];
        }

        return head;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        if (head is null || at == head.Length)
        {
            return inner.Read(buffer);
        }

        var length = Math.Min(buffer.Length, head.Length - at);
        head.AsSpan(at, length).CopyTo(buffer);
        at += length;
        return length;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
