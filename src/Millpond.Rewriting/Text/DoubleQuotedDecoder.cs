using System.Buffers.Text;
using System.Text;

namespace Millpond.Rewriting.Text;

/// <summary>The inside of a double-quoted scalar of YAML or JSON: escapes, and lines that are folded.</summary>
internal static class DoubleQuotedDecoder
{
    public static DecodedText? Decode(ReadOnlySpan<byte> source, int start, int end)
    {
        var decoded = new DecodedText(end - start);
        var at = start;
        while (at < end)
        {
            var step = source[at] switch
            {
                (byte)'\\' => Escape(source, at, end, decoded),
                (byte)'\r' or (byte)'\n' => 0,
                (byte)' ' or (byte)'\t' when LineEndsAfterBlanks(source, at, end) => 0,
                _ => 1,
            };
            if (step < 0)
            {
                return null;
            }

            if (step == 0)
            {
                at = Fold(source, at, end, decoded);
                continue;
            }

            if (source[at] != '\\')
            {
                decoded.Add(source[at], at, at + 1);
            }

            at += step;
        }

        return decoded;
    }

    private static bool LineEndsAfterBlanks(ReadOnlySpan<byte> source, int at, int end)
    {
        while (at < end && source[at] is (byte)' ' or (byte)'\t')
        {
            at++;
        }

        return at < end && source[at] is (byte)'\r' or (byte)'\n';
    }

    // One line break is a space, n are n - 1 line breaks; blanks around them do not count.
    private static int Fold(ReadOnlySpan<byte> source, int at, int end, DecodedText decoded)
    {
        var start = at;
        var breaks = 0;
        while (at < end && source[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            breaks += source[at] == '\n' || (source[at] == '\r' && (at + 1 >= end || source[at + 1] != '\n')) ? 1 : 0;
            at++;
        }

        if (breaks == 1)
        {
            decoded.Add((byte)' ', start, at);
        }

        for (var i = 1; i < breaks; i++)
        {
            decoded.Add((byte)'\n', start, at);
        }

        return at;
    }

    /// <summary>Reads one escape; gives its length, or -1 for one that is unknown.</summary>
    private static int Escape(ReadOnlySpan<byte> source, int at, int end, DecodedText decoded)
    {
        if (at + 1 >= end)
        {
            return -1;
        }

        switch (source[at + 1])
        {
            case (byte)'x':
                return Code(source, at, end, 2, decoded);
            case (byte)'u':
                return Code(source, at, end, 4, decoded);
            case (byte)'U':
                return Code(source, at, end, 8, decoded);
            case (byte)'\r' or (byte)'\n':
                return SkipLine(source, at, end);
            default:
                return Simple(source[at + 1]) is { } rune ? AddRune(decoded, rune, at, 2) : -1;
        }
    }

    private static Rune? Simple(byte escape) => escape switch
    {
        (byte)'0' => new Rune('\0'),
        (byte)'a' => new Rune('\a'),
        (byte)'b' => new Rune('\b'),
        (byte)'t' or (byte)'\t' => new Rune('\t'),
        (byte)'n' => new Rune('\n'),
        (byte)'v' => new Rune('\v'),
        (byte)'f' => new Rune('\f'),
        (byte)'r' => new Rune('\r'),
        (byte)'e' => new Rune('\e'),
        (byte)' ' or (byte)'"' or (byte)'/' or (byte)'\\' => new Rune((char)escape),
        (byte)'N' => new Rune('\u0085'),
        (byte)'_' => new Rune('\u00a0'),
        (byte)'L' => new Rune('\u2028'),
        (byte)'P' => new Rune('\u2029'),
        _ => null,
    };

    private static int Code(ReadOnlySpan<byte> source, int at, int end, int digits, DecodedText decoded)
    {
        if (!TryHex(source, at + 2, end, digits, out var code))
        {
            return -1;
        }

        var length = digits + 2;
        if (code is >= 0xD800 and <= 0xDBFF
            && at + length + 1 < end && source[at + length] == '\\' && source[at + length + 1] == 'u'
            && TryHex(source, at + length + 2, end, 4, out var low) && low is >= 0xDC00 and <= 0xDFFF)
        {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            length += 6;
        }

        return AddRune(decoded, Rune.IsValid(code) ? new Rune(code) : Rune.ReplacementChar, at, length);
    }

    private static bool TryHex(ReadOnlySpan<byte> source, int at, int end, int digits, out uint code)
    {
        code = 0;
        return at + digits <= end
            && Utf8Parser.TryParse(source.Slice(at, digits), out code, out var read, 'x')
            && read == digits;
    }

    private static int AddRune(DecodedText decoded, Rune rune, int at, int length)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var written = rune.EncodeToUtf8(utf8);
        foreach (var b in utf8[..written])
        {
            decoded.Add(b, at, at + length);
        }

        return length;
    }

    // A break behind a backslash joins the lines, without the blanks the next one begins with.
    private static int SkipLine(ReadOnlySpan<byte> source, int at, int end)
    {
        var next = at + 2;
        if (source[at + 1] == '\r' && next < end && source[next] == '\n')
        {
            next++;
        }

        while (next < end && source[next] is (byte)' ' or (byte)'\t')
        {
            next++;
        }

        return next - at;
    }
}
