using System.Buffers;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>Scalars and flow collections that end on their line, as <see cref="PlainYaml"/> reads them.</summary>
internal sealed class PlainScalarReader(Layer layer)
{
    private const int MaxDepth = 24;

    /// <summary>A plain scalar that begins with one of these is one whatever follows.</summary>
    private static readonly SearchValues<byte> Starts = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~$+(=<^\\"u8);

    /// <summary>Keys with other characters are rare, and parsers have their own ideas of some.</summary>
    private static readonly SearchValues<byte> KeyBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._~$+-<@"u8);

    /// <summary>What ends a plain scalar in a flow collection, or is better left to the parser.</summary>
    private static readonly SearchValues<byte> FlowEnds = SearchValues.Create(",[]{}:?#\"'&*!|>%@`"u8);

    private readonly ReadOnlyMemory<byte> bytes = layer.Bytes;

    /// <summary>Whether nothing but a comment is left.</summary>
    public bool IsRest(int at, int end)
    {
        var rest = bytes.Span[at..end];
        var content = rest.IndexOfAnyExcept((byte)' ');
        return content < 0 || (content > 0 && rest[content] == '#');
    }

    /// <summary>Where the colon behind a key is; -1 where the line has no key.</summary>
    public int KeyEnd(int at, int end)
    {
        var text = bytes.Span;
        if (text[at] is (byte)'"' or (byte)'\'')
        {
            var close = QuoteEnd(at, end);
            return close >= 0 && close < end && text[close] == ':' && (close + 1 == end || text[close + 1] == ' ') ? close : -1;
        }

        for (var from = at; from < end;)
        {
            var found = text[from..end].IndexOfAny((byte)':', (byte)'#');
            if (found < 0)
            {
                return -1;
            }

            from += found;
            if (text[from] == '#' && from > at && text[from - 1] == ' ')
            {
                return -1;
            }

            if (text[from] == ':' && (from + 1 == end || text[from + 1] == ' '))
            {
                return from;
            }

            from++;
        }

        return -1;
    }

    public ScalarNode? TryReadKey(int at, int colon)
    {
        var text = bytes.Span;
        if (text[at] is (byte)'"' or (byte)'\'')
        {
            return Quoted(at, colon);
        }

        var end = at + text[at..colon].TrimEnd((byte)' ').Length;
        return end > at && IsStart(at, colon) && !text[at..end].ContainsAnyExcept(KeyBytes) ? Make(at, end, TextStyle.Plain, at, end) : null;
    }

    /// <summary>A value and nothing but a comment behind it.</summary>
    public bool TryReadValue(int at, int end, out Node value)
    {
        var text = bytes.Span;
        value = OpaqueNode.Instance;
        switch (text[at])
        {
            case (byte)'"' or (byte)'\'':
                var close = QuoteEnd(at, end);
                if (close < 0 || !IsRest(close, end))
                {
                    return false;
                }

                value = Quoted(at, close);
                return true;
            case (byte)'{' or (byte)'[':
                return TryReadFlow(ref at, end, 0, out value) && IsRest(at, end);
            default:
                return IsStart(at, end) && TryReadPlain(at, end, out value);
        }
    }

    private bool TryReadPlain(int at, int end, out Node value)
    {
        var text = bytes.Span[at..end];
        var comment = text.IndexOf(" #"u8);
        text = (comment < 0 ? text : text[..comment]).TrimEnd((byte)' ');
        value = Make(at, at + text.Length, TextStyle.Plain, at, at + text.Length);
        return text[^1] != ':' && text.IndexOf(": "u8) < 0;
    }

    private bool IsStart(int at, int end)
    {
        var text = bytes.Span;
        return Starts.Contains(text[at]) || (text[at] == '-' && at + 1 < end && (text[at + 1] == '-' || char.IsAsciiLetterOrDigit((char)text[at + 1])));
    }

    /// <summary>Behind the closing quote; -1 where it is not on this line, or something is escaped.</summary>
    private int QuoteEnd(int at, int end)
    {
        var text = bytes.Span;
        var quote = text[at];
        var inside = text[(at + 1)..end];
        var length = inside.IndexOf(quote);
        if (length < 0 || (quote == '"' && inside[..length].Contains((byte)'\\')))
        {
            return -1;
        }

        var close = at + 1 + length + 1;
        return close < end && text[close] == quote ? -1 : close;
    }

    private ScalarNode Quoted(int start, int end) =>
        Make(start, end, bytes.Span[start] == '"' ? TextStyle.DoubleQuoted : TextStyle.SingleQuoted, start + 1, end - 1);

    private ScalarNode Make(int start, int end, TextStyle style, int from, int to) => new(layer, start, end, style, WideText.FromBytes(bytes.Span[from..to]));

    private bool TryReadFlow(ref int at, int end, int depth, out Node value)
    {
        var text = bytes.Span;
        value = OpaqueNode.Instance;
        if (at >= end || depth > MaxDepth)
        {
            return false;
        }

        switch (text[at])
        {
            case (byte)'{':
                return TryReadFlowMapping(ref at, end, depth, out value);
            case (byte)'[':
                return TryReadFlowSequence(ref at, end, depth, out value);
            default:
                return TryReadFlowScalar(ref at, end, out value);
        }
    }

    private bool TryReadFlowMapping(ref int at, int end, int depth, out Node value)
    {
        var mapping = new MappingNode { IsFlow = true };
        value = mapping;
        at++;
        SkipBlanks(ref at, end);
        if (at < end && bytes.Span[at] == '}')
        {
            at++;
            return true;
        }

        while (TryReadFlowScalar(ref at, end, out var key))
        {
            SkipBlanks(ref at, end);
            if (at + 1 >= end || bytes.Span[at] != ':' || bytes.Span[at + 1] != ' ')
            {
                return false;
            }

            at++;
            SkipBlanks(ref at, end);
            if (!TryReadFlow(ref at, end, depth + 1, out var entry))
            {
                return false;
            }

            mapping.Entries.Add(new((ScalarNode)key, entry));
            if (!TryPass(ref at, end, (byte)'}', out var isOver))
            {
                return false;
            }

            if (isOver)
            {
                return true;
            }
        }

        return false;
    }

    private bool TryReadFlowSequence(ref int at, int end, int depth, out Node value)
    {
        var sequence = new SequenceNode();
        value = sequence;
        at++;
        SkipBlanks(ref at, end);
        if (at < end && bytes.Span[at] == ']')
        {
            at++;
            return true;
        }

        while (TryReadFlow(ref at, end, depth + 1, out var item))
        {
            sequence.Items.Add(item);
            if (!TryPass(ref at, end, (byte)']', out var isOver))
            {
                return false;
            }

            if (isOver)
            {
                return true;
            }
        }

        return false;
    }

    // A comma and what comes behind it, or the end.
    private bool TryPass(ref int at, int end, byte close, out bool isOver)
    {
        SkipBlanks(ref at, end);
        isOver = at < end && bytes.Span[at] == close;
        var isGoingOn = at < end && bytes.Span[at] == ',';
        at++;
        SkipBlanks(ref at, isOver ? at : end);
        return isOver || isGoingOn;
    }

    private bool TryReadFlowScalar(ref int at, int end, out Node value)
    {
        var text = bytes.Span;
        value = OpaqueNode.Instance;
        if (at >= end)
        {
            return false;
        }

        var start = at;
        if (text[at] is (byte)'"' or (byte)'\'')
        {
            at = QuoteEnd(at, end);
            value = at < 0 ? value : Quoted(start, at);
            return at >= 0;
        }

        if (!IsStart(at, end))
        {
            return false;
        }

        while (at < end)
        {
            var found = text[at..end].IndexOfAny(FlowEnds);
            at = found < 0 ? end : at + found;
            // a:1 is a text; a: 1 is not.
            if (at + 1 < end && text[at] == ':' && char.IsAsciiLetterOrDigit((char)text[at + 1]))
            {
                at++;
                continue;
            }

            break;
        }

        var length = text[start..at].TrimEnd((byte)' ').Length;
        value = Make(start, start + length, TextStyle.Plain, start, start + length);
        return length > 0 && at < end && text[at] is (byte)',' or (byte)']' or (byte)'}' or (byte)':';
    }

    private void SkipBlanks(ref int at, int end)
    {
        while (at < end && bytes.Span[at] == ' ')
        {
            at++;
        }
    }
}
