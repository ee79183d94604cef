namespace Millpond.Rewriting.Text;

/// <summary>
/// What a scalar says, byte for byte with the place each byte came from. A byte's place is a range, because an escape takes several
/// bytes to write one and a line break in a block scalar also stands for the indentation behind it.
/// </summary>
internal sealed class DecodedText
{
    private readonly List<byte> bytes;
    private readonly List<int> starts;
    private readonly List<int> ends;

    public DecodedText(int capacity)
    {
        bytes = new(capacity);
        starts = new(capacity);
        ends = new(capacity);
    }

    public int Length => bytes.Count;

    public byte[] ToBytes() => [.. bytes];

    public int StartOf(int index) => starts[index];

    public int EndOf(int index) => ends[index];

    public void Add(byte value, int start, int end)
    {
        bytes.Add(value);
        starts.Add(start);
        ends.Add(end);
    }

    /// <summary>Bytes that stand for themselves.</summary>
    public void AddPlain(ReadOnlySpan<byte> source, int start)
    {
        for (var i = 0; i < source.Length; i++)
        {
            Add(source[i], start + i, start + i + 1);
        }
    }

    /// <summary>Whether a range is written in one piece, so that replacing it leaves nothing of other text out or in.</summary>
    public bool IsContiguous(int start, int end)
    {
        for (var i = start + 1; i < end; i++)
        {
            if (ends[i - 1] != starts[i])
            {
                return false;
            }
        }

        return true;
    }
}
