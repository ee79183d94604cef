namespace Millpond.Rewriting.Text;

/// <summary>
/// Texts that stand in lines of their own: YAML block scalars and HCL heredocs. Lines are given as they are, without their indentation;
/// a folded scalar is read as if it were literal, which is the same wherever a text has one line.
/// </summary>
internal static class BlockDecoder
{
    /// <summary>A block scalar from its <c>|</c> or <c>&gt;</c> on.</summary>
    public static DecodedText? DecodeBlock(ReadOnlySpan<byte> source, int start, int end)
    {
        var header = source[start..end].IndexOf((byte)'\n');
        if (header < 0)
        {
            return null;
        }

        var content = start + header + 1;
        return DecodeLines(source, content, end, Indentation(source[content..end]));
    }

    /// <summary>Lines without this much of their indentation; every line break is one <c>\n</c>.</summary>
    public static DecodedText DecodeLines(ReadOnlySpan<byte> source, int start, int end, int indentation)
    {
        var decoded = new DecodedText(end - start);
        var at = start;
        while (at < end)
        {
            var line = LineLength(source[at..end], out var breakLength);
            var skip = Math.Min(indentation, Blanks(source.Slice(at, line)));
            decoded.AddPlain(source.Slice(at + skip, line - skip), at + skip);
            if (breakLength > 0)
            {
                decoded.Add((byte)'\n', at + line, at + line + breakLength);
            }

            at += line + breakLength;
        }

        return decoded;
    }

    /// <summary>The indentation that all lines with text share.</summary>
    public static int CommonIndentation(ReadOnlySpan<byte> lines)
    {
        var common = int.MaxValue;
        while (!lines.IsEmpty)
        {
            var line = LineLength(lines, out var breakLength);
            var blanks = Blanks(lines[..line]);
            if (blanks < line)
            {
                common = Math.Min(common, blanks);
            }

            lines = lines[(line + breakLength)..];
        }

        return common == int.MaxValue ? 0 : common;
    }

    // The first line with text sets the indentation. An indicator in the header that says less leaves blanks in front, which the
    // comparison with the parsed value notices: such a scalar is then left alone.
    private static int Indentation(ReadOnlySpan<byte> lines)
    {
        while (!lines.IsEmpty)
        {
            var line = LineLength(lines, out var breakLength);
            var blanks = Blanks(lines[..line]);
            if (blanks < line)
            {
                return blanks;
            }

            lines = lines[(line + breakLength)..];
        }

        return 0;
    }

    private static int Blanks(ReadOnlySpan<byte> line)
    {
        var blanks = line.IndexOfAnyExcept((byte)' ', (byte)'\t');
        return blanks < 0 ? line.Length : blanks;
    }

    private static int LineLength(ReadOnlySpan<byte> text, out int breakLength)
    {
        var end = text.IndexOf((byte)'\n');
        if (end < 0)
        {
            breakLength = 0;
            return text.Length;
        }

        breakLength = end > 0 && text[end - 1] == '\r' ? 2 : 1;
        return end + 1 - breakLength;
    }
}
