namespace Millpond.Rewriting.Formats;

/// <summary>The part of a stream that is being looked at. Positions count from its start, and hold until it is moved on.</summary>
internal sealed class DocumentWindow(Stream stream)
{
    /// <summary>
    /// What must be held in one piece: an item of a list, or a document that is no list. Kubernetes takes no object of more than 1.5 MiB;
    /// reading one takes some ten times its length.
    /// </summary>
    public const int MaxLength = 64 << 20;

    // Most files are short, and there may be thousands.
    private byte[] buffer = GC.AllocateUninitializedArray<byte>(16 * 1024);
    private int start;
    private int end;
    private bool ended;

    /// <summary>Where it begins in the file.</summary>
    public long Offset { get; private set; }

    /// <summary>The line it begins on, 1-based.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>What has been read of the file from here on.</summary>
    public ReadOnlySpan<byte> Span => buffer.AsSpan(start, end - start);

    /// <summary>Whether the file ends behind so many bytes; known only once it was tried to read further.</summary>
    public bool EndsAt(int length) => ended && length == end - start;

    /// <summary>Whether there is a byte at this position, reading on where need be.</summary>
    /// <exception cref="InvalidDataException">It would be more than is held in one piece.</exception>
    public bool Has(int position)
    {
        while (end - start <= position)
        {
            if (!Fill())
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The length of the line at this position with its line break; zero at the end of the file, less where it is longer than the limit.</summary>
    public int LineLength(int position, int limit = MaxLength)
    {
        var searched = position;
        while (true)
        {
            var found = Span[searched..].IndexOf((byte)'\n');
            if (found >= 0)
            {
                return searched + found + 1 - position;
            }

            searched = end - start;
            if (searched > limit || !Has(searched))
            {
                return searched - position;
            }
        }
    }

    /// <summary>The first bytes as a document or a piece of one.</summary>
    public Document Take(int length, DocumentPart part, bool isOnly = false) =>
        new(buffer.AsMemory(start, length), Offset, Line, isOnly) { Part = part };

    public void MoveOn(int length)
    {
        Offset += length;
        Line += Span[..length].Count((byte)'\n');
        start += length;
    }

    private bool Fill()
    {
        if (ended)
        {
            return false;
        }

        if (start > 0 && end == buffer.Length)
        {
            Buffer.BlockCopy(buffer, start, buffer, 0, end - start);
            end -= start;
            start = 0;
        }

        if (end == buffer.Length)
        {
            if (end >= MaxLength)
            {
                throw new InvalidDataException(
                    $"Line {Line}: a document that is no list, or an item of a list, is longer than {MaxLength >> 20} MiB; that is too long to be read. Split the file.");
            }

            Array.Resize(ref buffer, buffer.Length * 2);
        }

        var read = stream.Read(buffer, end, buffer.Length - end);
        ended = read == 0;
        end += read;
        return !ended;
    }
}
