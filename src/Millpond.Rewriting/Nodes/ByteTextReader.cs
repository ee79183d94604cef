using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>Gives bytes to a parser of characters without a copy of the whole as a string.</summary>
internal sealed class ByteTextReader(ReadOnlyMemory<byte> bytes) : TextReader
{
    private int at;

    public override int Peek() => at < bytes.Length ? WideText.ToChar(bytes.Span[at]) : -1;

    public override int Read() => at < bytes.Length ? WideText.ToChar(bytes.Span[at++]) : -1;

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    public override int Read(Span<char> buffer)
    {
        var source = bytes.Span[at..];
        var count = Math.Min(buffer.Length, source.Length);
        for (var i = 0; i < count; i++)
        {
            buffer[i] = WideText.ToChar(source[i]);
        }

        at += count;
        return count;
    }

    public override int ReadBlock(char[] buffer, int index, int count) => Read(buffer, index, count);
}
