using System.Buffers;
using System.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>
/// Paints over the Go template actions of a text, byte for byte, so that what is left can be read as YAML. Actions that only steer
/// (if, range, end …) and actions that fill whole lines become blanks; an action that stands for a value becomes letters.
/// </summary>
internal static class TemplateMask
{
    private static readonly SearchValues<string> Steering = SearchValues.Create(
        ["if", "else", "end", "range", "with", "define", "block", "break", "continue"], StringComparison.Ordinal);

    /// <summary>The painted text; null where there are no actions.</summary>
    public static byte[]? Paint(ReadOnlySpan<byte> text)
    {
        if (text.IndexOf("{{"u8) < 0)
        {
            return null;
        }

        var painted = text.ToArray();
        var at = 0;
        while (at < painted.Length)
        {
            var start = text[at..].IndexOf("{{"u8);
            if (start < 0)
            {
                break;
            }

            start += at;
            at = EndOf(text, start);
            PaintAction(text, painted, start, at);
        }

        return painted;
    }

    // Strings in an action may hold braces; a comment ends with */.
    private static int EndOf(ReadOnlySpan<byte> text, int start)
    {
        var at = start + 2;
        var quote = (byte)0;
        while (at < text.Length)
        {
            var b = text[at];
            if (quote != 0)
            {
                at += b == '\\' && quote == '"' ? 1 : 0;
                quote = b == quote ? (byte)0 : quote;
            }
            else if (b is (byte)'"' or (byte)'`')
            {
                quote = b;
            }
            else if (b == '}' && at + 1 < text.Length && text[at + 1] == '}')
            {
                return at + 2;
            }

            at++;
        }

        return text.Length;
    }

    private static void PaintAction(ReadOnlySpan<byte> text, Span<byte> painted, int start, int end)
    {
        var filler = IsSteering(text[start..end]) || IsAlone(text, start, end) ? (byte)' ' : (byte)'x';
        foreach (ref var b in painted[start..end])
        {
            b = b is (byte)'\n' or (byte)'\r' ? b : filler;
        }
    }

    private static bool IsSteering(ReadOnlySpan<byte> action)
    {
        var inner = action[2..].TrimStart("- \t\r\n"u8);
        if (inner.StartsWith("/*"u8))
        {
            return true;
        }

        // "$x := …" prints nothing; "$x" alone does.
        if (inner.StartsWith("$"u8))
        {
            return inner.IndexOf(":="u8) > 0;
        }

        var length = inner.IndexOfAnyExceptInRange((byte)'a', (byte)'z');
        return length > 0 && Steering.Contains(Encoding.ASCII.GetString(inner[..length]));
    }

    private static bool IsAlone(ReadOnlySpan<byte> text, int start, int end)
    {
        var lineStart = text[..start].LastIndexOf((byte)'\n') + 1;
        var rest = text[end..];
        var lineEnd = rest.IndexOf((byte)'\n');
        rest = lineEnd < 0 ? rest : rest[..lineEnd];
        return text[lineStart..start].Trim(" \t"u8).IsEmpty && rest.Trim(" \t\r"u8).IsEmpty;
    }
}
