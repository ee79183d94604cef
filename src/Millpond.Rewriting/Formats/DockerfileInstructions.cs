using System.Text;

namespace Millpond.Rewriting.Formats;

/// <summary>A word of a Dockerfile and where it is.</summary>
internal readonly record struct DockerfileWord(int Start, int End, string Text);

/// <summary>An instruction: its name in upper case and the words behind it.</summary>
internal sealed record DockerfileInstruction(string Name, IReadOnlyList<DockerfileWord> Words);

/// <summary>
/// Cuts a Dockerfile into instructions: lines continued behind a backslash (or what <c># escape=</c> says), comments in between left
/// out, heredocs passed over.
/// </summary>
internal sealed class DockerfileInstructions(ReadOnlyMemory<byte> bytes)
{
    private int at = bytes.Span.StartsWith("\uFEFF"u8) ? "\uFEFF"u8.Length : 0;
    private byte escape = (byte)'\\';

    /// <summary>The reference of a <c># syntax=</c> line, which the builder pulls.</summary>
    public DockerfileWord? Syntax { get; private set; }

    public IEnumerable<DockerfileInstruction> Read()
    {
        ReadDirectives();
        while (at < bytes.Length)
        {
            var words = ReadWords(out var heredocs);
            foreach (var end in heredocs)
            {
                SkipHeredoc(end);
            }

            if (words.Count > 0)
            {
                yield return new DockerfileInstruction(words[0].Text.ToUpperInvariant(), words[1..]);
            }
        }
    }

    // Directives stand before everything else, even other comments.
    private void ReadDirectives()
    {
        while (at < bytes.Length)
        {
            var line = Line(at, out var next);
            var text = Encoding.Latin1.GetString(line);
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (!text.StartsWith('#') || equals < 0)
            {
                break;
            }

            var value = text[(equals + 1)..].Trim();
            switch (text[1..equals].Trim().ToLowerInvariant())
            {
                case "syntax":
                    var start = at + text.IndexOf(value, equals, StringComparison.Ordinal);
                    Syntax = new DockerfileWord(start, start + value.Length, value);
                    break;
                case "escape" when value.Length == 1:
                    escape = (byte)value[0];
                    break;
                case "check":
                    break;
                default:
                    return;
            }

            at = next;
        }
    }

    private List<DockerfileWord> ReadWords(out List<string> heredocs)
    {
        var words = new List<DockerfileWord>();
        heredocs = [];
        while (at < bytes.Length)
        {
            var line = Line(at, out var next);
            var start = at;
            at = next;
            var trimmed = line.TrimStart(" \t"u8);
            if (trimmed.StartsWith("#"u8) || (trimmed.Trim(" \t\r"u8).IsEmpty && words.Count > 0))
            {
                if (words.Count == 0)
                {
                    break;
                }

                continue;
            }

            var end = line.TrimEnd(" \t\r"u8).Length;
            var continues = end > 0 && line[end - 1] == escape;
            AddWords(line[..(continues ? end - 1 : end)], start, words, heredocs);
            if (!continues)
            {
                break;
            }
        }

        return words;
    }

    private static void AddWords(ReadOnlySpan<byte> line, int start, List<DockerfileWord> words, List<string> heredocs)
    {
        var i = 0;
        while (i < line.Length)
        {
            if (line[i] is (byte)' ' or (byte)'\t')
            {
                i++;
                continue;
            }

            var length = WordLength(line[i..]);
            var text = Encoding.Latin1.GetString(line.Slice(i, length));
            words.Add(new DockerfileWord(start + i, start + i + length, text));
            if (text.StartsWith("<<", StringComparison.Ordinal) && words[0].Text.ToUpperInvariant() is "RUN" or "COPY" or "ADD" or "ONBUILD")
            {
                var word = text[2..].TrimStart('-').Trim('"', '\'');
                if (word.Length > 0)
                {
                    heredocs.Add(word);
                }
            }

            i += length;
        }
    }

    // Blanks within quotes are part of the word.
    private static int WordLength(ReadOnlySpan<byte> text)
    {
        var quote = (byte)0;
        for (var i = 0; i < text.Length; i++)
        {
            if (quote != 0)
            {
                quote = text[i] == quote ? (byte)0 : quote;
            }
            else if (text[i] is (byte)'"' or (byte)'\'')
            {
                quote = text[i];
            }
            else if (text[i] is (byte)' ' or (byte)'\t')
            {
                return i;
            }
        }

        return text.Length;
    }

    private void SkipHeredoc(string end)
    {
        while (at < bytes.Length)
        {
            var line = Encoding.Latin1.GetString(Line(at, out var next)).Trim('\t', '\r');
            at = next;
            if (line == end)
            {
                return;
            }
        }
    }

    private ReadOnlySpan<byte> Line(int start, out int next)
    {
        var rest = bytes.Span[start..];
        var end = rest.IndexOf((byte)'\n');
        next = end < 0 ? bytes.Length : start + end + 1;
        return end < 0 ? rest : rest[..end];
    }
}
