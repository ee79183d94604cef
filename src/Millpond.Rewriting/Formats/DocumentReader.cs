namespace Millpond.Rewriting.Formats;

/// <summary>A document of a file: its bytes, from the line that begins it up to the next one's.</summary>
/// <param name="Offset">Of the first byte in the file.</param>
/// <param name="Line">Of the first byte, 1-based.</param>
/// <param name="IsOnly">Whether the file has no other document.</param>
internal sealed record Document(ReadOnlyMemory<byte> Bytes, long Offset, int Line, bool IsOnly);

/// <summary>
/// Cuts a stream of YAML at its document marks, so that a file of any length needs the memory of its longest document. Marks are lines
/// that begin with <c>---</c> or are <c>...</c>: neither can be part of a scalar, by YAML's own rule.
/// </summary>
internal sealed class DocumentReader(Stream stream)
{
    /// <summary>A single document is held in memory; a longer one is no manifest.</summary>
    public const int MaxDocument = 1 << 30;

    private byte[] buffer = new byte[64 * 1024];
    private int filled;
    private bool ended;
    private long offset;
    private int line = 1;

    /// <summary>The documents, one after another; each is valid until the next is asked for.</summary>
    /// <exception cref="InvalidDataException">A document is longer than 1 GiB.</exception>
    public IEnumerable<Document> Read()
    {
        while (true)
        {
            var length = FindEnd();
            if (length == 0)
            {
                yield break;
            }

            var bytes = buffer.AsMemory(0, length);
            yield return new Document(bytes, offset, line, offset == 0 && ended && length == filled);
            offset += length;
            line += bytes.Span.Count((byte)'\n');
            filled -= length;
            Buffer.BlockCopy(buffer, length, buffer, 0, filled);
        }
    }

    /// <summary>Reads until a document is whole; gives its length, zero at the end of the stream.</summary>
    private int FindEnd()
    {
        var at = 0;
        var hasContent = false;
        while (true)
        {
            var lineLength = LineLength(at);
            if (lineLength == 0)
            {
                return at;
            }

            var text = buffer.AsSpan(at, lineLength);
            if (at > 0 && hasContent && IsMark(text, "---"u8))
            {
                return at;
            }

            at += lineLength;
            // Directives and comments before a mark belong to the document that the mark begins.
            hasContent |= IsContent(text);
            if (IsMark(text, "..."u8))
            {
                return at;
            }
        }
    }

    private static bool IsContent(ReadOnlySpan<byte> text)
    {
        var first = text.TrimStart("\uFEFF"u8).TrimStart(" \t\r\n"u8);
        return !first.IsEmpty && first[0] is not ((byte)'#' or (byte)'%');
    }

    private static bool IsMark(ReadOnlySpan<byte> text, ReadOnlySpan<byte> mark) =>
        text.StartsWith(mark) && (text.Length == mark.Length || text[mark.Length] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n');

    private int LineLength(int at)
    {
        var searched = at;
        while (true)
        {
            var found = buffer.AsSpan(searched, filled - searched).IndexOf((byte)'\n');
            if (found >= 0)
            {
                return searched + found + 1 - at;
            }

            searched = filled;
            if (!Fill())
            {
                return filled - at;
            }
        }
    }

    private bool Fill()
    {
        if (ended)
        {
            return false;
        }

        if (filled == buffer.Length)
        {
            if (filled >= MaxDocument)
            {
                throw new InvalidDataException("A single document is longer than 1 GiB; that is too long to rewrite.");
            }

            Array.Resize(ref buffer, buffer.Length * 2);
        }

        var read = stream.Read(buffer, filled, buffer.Length - filled);
        ended = read == 0;
        filled += read;
        return !ended;
    }
}
