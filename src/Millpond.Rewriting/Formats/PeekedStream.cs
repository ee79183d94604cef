namespace Millpond.Rewriting.Formats;

/// <summary>A stream whose beginning can be looked at before it is read.</summary>
internal sealed class PeekedStream(Stream inner) : ForwardStream
{
    /// <summary>As long as most files.</summary>
    private const int PeekLength = 16 * 1024;

    private byte[]? head;
    private int length;
    private int at;

    /// <summary>The first bytes, which are still to be read.</summary>
    public ReadOnlySpan<byte> Peek()
    {
        if (head is null)
        {
            head = GC.AllocateUninitializedArray<byte>(PeekLength);
            length = inner.ReadAtLeast(head, PeekLength, throwOnEndOfStream: false);
        }

        return head.AsSpan(0, length);
    }

    /// <summary>Whether the first bytes are all there are.</summary>
    public bool HasAll => Peek().Length < PeekLength;

    public override int Read(Span<byte> buffer)
    {
        if (at == length)
        {
            return inner.Read(buffer);
        }

        var read = Math.Min(buffer.Length, length - at);
        head.AsSpan(at, read).CopyTo(buffer);
        at += read;
        return read;
    }
}
