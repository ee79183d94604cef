namespace Millpond.Rewriting.Edits;

/// <summary>Tells lines by offsets that come in ascending order, or nearly.</summary>
internal sealed class LineCounter(ReadOnlyMemory<byte> bytes, int firstLine)
{
    private int at;
    private int passed;

    public int LineOf(int offset)
    {
        if (offset < at)
        {
            at = 0;
            passed = 0;
        }

        passed += bytes.Span[at..offset].Count((byte)'\n');
        at = offset;
        return firstLine + passed;
    }
}
