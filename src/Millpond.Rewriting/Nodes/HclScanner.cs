namespace Millpond.Rewriting.Nodes;

/// <summary>Cuts Terraform's language into tokens: strings with their interpolations, heredocs, and what is between.</summary>
internal sealed class HclScanner(ReadOnlyMemory<byte> bytes)
{
    private int at = bytes.Span.StartsWith("\uFEFF"u8) ? "\uFEFF"u8.Length : 0;

    public HclToken Next()
    {
        var text = bytes.Span;
        SkipBlanks(text);
        if (at >= text.Length)
        {
            return new HclToken(HclTokenKind.End, at, at);
        }

        var start = at;
        switch (text[at])
        {
            case (byte)'\n':
                at++;
                return new HclToken(HclTokenKind.NewLine, start, at);
            case (byte)'"':
                at = EndOfText(text, at);
                return new HclToken(HclTokenKind.Text, start, at);
            case (byte)'<' when TryHeredoc(text, out var heredoc):
                return heredoc;
            case var letter when char.IsAsciiLetter((char)letter) || letter == '_':
                while (at < text.Length && (char.IsAsciiLetterOrDigit((char)text[at]) || text[at] is (byte)'_' or (byte)'-'))
                {
                    at++;
                }

                return new HclToken(HclTokenKind.Identifier, start, at);
            default:
                at++;
                return new HclToken(HclTokenKind.Mark, start, at, text[start]);
        }
    }

    private void SkipBlanks(ReadOnlySpan<byte> text)
    {
        while (at < text.Length)
        {
            var rest = text[at..];
            if (rest[0] is (byte)' ' or (byte)'\t' or (byte)'\r')
            {
                at++;
            }
            else if (rest[0] == '#' || rest.StartsWith("//"u8))
            {
                var end = rest.IndexOf((byte)'\n');
                at += end < 0 ? rest.Length : end;
            }
            else if (rest.StartsWith("/*"u8))
            {
                var end = rest.IndexOf("*/"u8);
                at += end < 0 ? rest.Length : end + 2;
            }
            else
            {
                break;
            }
        }
    }

    // Within an interpolation there may be strings again, with quotes of their own.
    private static int EndOfText(ReadOnlySpan<byte> text, int start)
    {
        var open = new Stack<byte>();
        open.Push((byte)'"');
        var i = start + 1;
        while (i < text.Length && open.Count > 0)
        {
            var isText = open.Peek() == '"';
            switch (text[i])
            {
                case (byte)'\\' when isText:
                    i++;
                    break;
                case (byte)'"' when isText:
                    open.Pop();
                    break;
                case (byte)'"':
                    open.Push((byte)'"');
                    break;
                case (byte)'$' or (byte)'%' when isText && i + 1 < text.Length && text[i + 1] == '{' && text[i - 1] != text[i]:
                    open.Push((byte)'{');
                    i++;
                    break;
                case (byte)'{' when !isText:
                    open.Push((byte)'{');
                    break;
                case (byte)'}' when !isText:
                    open.Pop();
                    break;
                case (byte)'\n' when isText && open.Count == 1:
                    // No quoted string goes over a line: this one was never closed.
                    return i;
            }

            i++;
        }

        return Math.Min(i, text.Length);
    }

    private bool TryHeredoc(ReadOnlySpan<byte> text, out HclToken token)
    {
        token = default;
        var rest = text[at..];
        if (!rest.StartsWith("<<"u8))
        {
            return false;
        }

        var lineEnd = rest.IndexOf((byte)'\n');
        var word = lineEnd < 0 ? [] : rest[2..lineEnd].TrimStart((byte)'-').Trim(" \t\r"u8);
        if (word.IsEmpty || (!char.IsAsciiLetter((char)word[0]) && word[0] != '_'))
        {
            return false;
        }

        var start = at + lineEnd + 1;
        var line = start;
        while (line < text.Length)
        {
            var length = text[line..].IndexOf((byte)'\n');
            var next = length < 0 ? text.Length : line + length + 1;
            if (text[line..next].Trim(" \t\r\n"u8).SequenceEqual(word))
            {
                token = new HclToken(HclTokenKind.Heredoc, start, line);
                at = length < 0 ? next : next - 1;
                return true;
            }

            line = next;
        }

        return false;
    }
}
