namespace Millpond.Rewriting.Text;

/// <summary>Reads what a scalar says; null where it is written in a way that has no byte-for-byte way back (it is then left alone).</summary>
internal static class ScalarDecoder
{
    /// <summary>Decodes the scalar at [start, end) of these bytes; quotes and block headers are part of the range.</summary>
    public static DecodedText? Decode(ReadOnlySpan<byte> source, int start, int end, TextStyle style) => style switch
    {
        TextStyle.Plain => DecodePlain(source, start, end),
        TextStyle.SingleQuoted => DecodeSingleQuoted(source, start, end),
        TextStyle.DoubleQuoted => IsQuoted(source, start, end, (byte)'"') ? DoubleQuotedDecoder.Decode(source, start + 1, end - 1) : null,
        TextStyle.Literal or TextStyle.Folded => BlockDecoder.DecodeBlock(source, start, end),
        TextStyle.HclQuoted => IsQuoted(source, start, end, (byte)'"') ? DecodeHclQuoted(source, start + 1, end - 1) : null,
        TextStyle.HclHeredoc => BlockDecoder.DecodeLines(source, start, end, BlockDecoder.CommonIndentation(source[start..end])),
    };

    private static bool IsQuoted(ReadOnlySpan<byte> source, int start, int end, byte quote) =>
        end - start >= 2 && source[start] == quote && source[end - 1] == quote;

    private static DecodedText? DecodePlain(ReadOnlySpan<byte> source, int start, int end)
    {
        var text = source[start..end];
        if (text.ContainsAny((byte)'\n', (byte)'\r'))
        {
            return null;
        }

        var decoded = new DecodedText(text.Length);
        decoded.AddPlain(text, start);
        return decoded;
    }

    private static DecodedText? DecodeSingleQuoted(ReadOnlySpan<byte> source, int start, int end)
    {
        if (!IsQuoted(source, start, end, (byte)'\'') || source[start..end].ContainsAny((byte)'\n', (byte)'\r'))
        {
            return null;
        }

        var decoded = new DecodedText(end - start);
        for (var i = start + 1; i < end - 1; i++)
        {
            if (source[i] != '\'')
            {
                decoded.Add(source[i], i, i + 1);
                continue;
            }

            if (i + 1 >= end - 1 || source[i + 1] != '\'')
            {
                return null;
            }

            decoded.Add((byte)'\'', i, i + 2);
            i++;
        }

        return decoded;
    }

    // An interpolation stays as it is written: whoever asks for the text sees that it is no literal.
    private static DecodedText? DecodeHclQuoted(ReadOnlySpan<byte> source, int start, int end)
    {
        var decoded = new DecodedText(end - start);
        for (var i = start; i < end; i++)
        {
            if (source[i] != '\\')
            {
                decoded.Add(source[i], i, i + 1);
                continue;
            }

            if (i + 1 >= end)
            {
                return null;
            }

            var value = source[i + 1] switch
            {
                (byte)'n' => (byte)'\n',
                (byte)'t' => (byte)'\t',
                (byte)'r' => (byte)'\r',
                (byte)'"' => (byte)'"',
                (byte)'\\' => (byte)'\\',
                _ => (byte)0,
            };
            if (value == 0)
            {
                return null;
            }

            decoded.Add(value, i, i + 2);
            i++;
        }

        return decoded;
    }
}
