using System.Text;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Scanning;

/// <summary>What stands right before a reference on its line: <c>--flag=</c>, <c>--flag </c>, <c>KEY=</c>, <c>key: </c>, or nothing that names it.</summary>
internal static class LineContext
{
    private const int MaxLength = 200;

    /// <summary>The name of the flag, variable or key that a reference is the value of; empty where none is.</summary>
    public static string NameBefore(ReadOnlySpan<byte> text, int start)
    {
        var line = text[Math.Max(0, start - MaxLength)..start];
        line = line[(line.LastIndexOf((byte)'\n') + 1)..].TrimEnd("\"'`\\"u8);
        if (line.IsEmpty)
        {
            return "";
        }

        var isFlag = line[^1] is (byte)' ' or (byte)'\t';
        var rest = line.TrimEnd(" \t"u8);
        if (rest.EndsWith("="u8))
        {
            // Bicep: param name type =
            if (rest.StartsWith("param "u8))
            {
                var declared = rest["param ".Length..].TrimStart((byte)' ');
                return Encoding.ASCII.GetString(declared[..Math.Max(0, declared.IndexOfAny((byte)' ', (byte)'='))]);
            }

            return Word(rest.TrimEnd("= \t"u8).TrimEnd("\"'`\\ :"u8), out _);
        }

        if (rest.EndsWith(":"u8))
        {
            // A key stands first on its line, or in braces: "echo image: …" is a sentence.
            var key = Word(rest[..^1].TrimEnd("\"'`\\ \t"u8), out var lead);
            lead = lead.TrimEnd("\"'`\\"u8).TrimEnd(" \t"u8);
            return lead.IsEmpty || lead[^1] is (byte)'-' or (byte)'{' or (byte)',' or (byte)'}' ? key : "";
        }

        var word = Word(rest, out _);
        return isFlag && word.StartsWith("--", StringComparison.Ordinal) ? word : "";
    }

    /// <summary>Whether the line in front of the position begins as a comment of a script.</summary>
    public static bool IsScriptComment(ReadOnlySpan<byte> text, int start) =>
        text[(text[..start].LastIndexOf((byte)'\n') + 1)..start].TrimStart(" \t"u8).StartsWith("#"u8);

    /// <summary>Whether the position is within a comment, as far as its line (and an open block comment of a template) shows.</summary>
    public static bool IsComment(ReadOnlySpan<byte> text, int start, bool slashes)
    {
        var line = text[(text[..start].LastIndexOf((byte)'\n') + 1)..start];
        var trimmed = line.TrimStart(" \t-"u8);
        if (trimmed.StartsWith("#"u8) || line.IndexOf(" #"u8) >= 0 || line.IndexOf("\t#"u8) >= 0)
        {
            return true;
        }

        if (slashes && (trimmed.StartsWith("//"u8) || line.IndexOf(" // "u8) >= 0))
        {
            return true;
        }

        var open = text[..start].LastIndexOf("/*"u8);
        return open >= 0 && (open == 0 || text[open - 1] is (byte)'{' or (byte)' ' or (byte)'\n' or (byte)'-') && text[open..start].IndexOf("*/"u8) < 0;
    }

    private static string Word(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> before)
    {
        var end = text.Length;
        var start = end;
        while (start > 0 && (char.IsAsciiLetterOrDigit((char)text[start - 1]) || text[start - 1] is (byte)'_' or (byte)'-' or (byte)'.' or (byte)'/'))
        {
            start--;
        }

        before = text[..start];
        return WideText.FromBytes(text[start..end]);
    }
}
