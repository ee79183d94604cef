namespace Millpond.Rewriting.Formats;

/// <summary>A stream whose beginning can be looked at before it is read.</summary>
internal sealed class PeekedStream(Stream inner) : ForwardStream
{
    private const int PeekLength = 4096;

    private byte[]? head;
    private int at;

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
}
