using System.Buffers;

namespace Millpond.Rewriting.Formats;

/// <summary>Something in JSON that its structure is told by.</summary>
/// <param name="Sign">A bracket, a comma, or <see cref="JsonMarks.Text"/> for a whole string.</param>
/// <param name="Start">Where it begins.</param>
internal readonly record struct JsonMark(byte Sign, int Start);

/// <summary>Finds the brackets, commas and strings of JSON, passing over comments and everything within strings.</summary>
internal sealed class JsonMarks(DocumentWindow window)
{
    public const byte Text = (byte)'"';

    private static readonly SearchValues<byte> Signs = SearchValues.Create("{}[],\"/"u8);
    private static readonly SearchValues<byte> InText = SearchValues.Create("\"\\"u8);

    /// <summary>The next one at or behind a position, which is moved behind it; null at the end of the file.</summary>
    public JsonMark? Next(ref int at)
    {
        while (TryFind(Signs, ref at))
        {
            var start = at;
            var sign = window.Span[at++];
            switch (sign)
            {
                case Text:
                    PassText(ref at);
                    return new JsonMark(Text, start);
                case (byte)'/':
                    at = start + Math.Max(CommentLength(start), 1);
                    break;
                default:
                    return new JsonMark(sign, start);
            }
        }

        return null;
    }

    /// <summary>How much of blanks and comments there is at a position.</summary>
    public int GapLength(int start, bool withCommas)
    {
        var at = start;
        while (window.Has(at))
        {
            var length = window.Span[at] switch
            {
                (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' => 1,
                (byte)',' when withCommas => 1,
                (byte)'/' => CommentLength(at),
                0xEF when window.Has(at + 2) && window.Span[at..].StartsWith("\uFEFF"u8) => "\uFEFF"u8.Length,
                _ => 0,
            };
            if (length == 0)
            {
                break;
            }

            at += length;
        }

        return at - start;
    }

    private int CommentLength(int start)
    {
        if (!window.Has(start + 1))
        {
            return 0;
        }

        return window.Span[start + 1] switch
        {
            (byte)'/' => window.LineLength(start),
            (byte)'*' => BlockCommentLength(start),
            _ => 0,
        };
    }

    private int BlockCommentLength(int start)
    {
        var at = start + 2;
        while (window.Has(at + 1))
        {
            var found = window.Span[at..].IndexOf("*/"u8);
            if (found >= 0)
            {
                return at + found + 2 - start;
            }

            at = window.Span.Length - 1;
        }

        return window.Span.Length - start;
    }

    private void PassText(ref int at)
    {
        while (TryFind(InText, ref at))
        {
            if (window.Span[at++] == Text)
            {
                return;
            }

            // What is escaped may be a quotation mark.
            at += window.Has(at) ? 1 : 0;
        }
    }

    private bool TryFind(SearchValues<byte> signs, ref int at)
    {
        while (window.Has(at))
        {
            var found = window.Span[at..].IndexOfAny(signs);
            if (found >= 0)
            {
                at += found;
                return true;
            }

            at = window.Span.Length;
        }

        return false;
    }
}
