namespace Millpond.Rewriting.Charts;

/// <summary>A stretch of a template: text, or what stands between <c>{{</c> and <c>}}</c>.</summary>
internal readonly record struct TemplatePiece(bool IsAction, string Text);

/// <summary>Cuts a Go template into text and actions. Blanks that an action trims are trimmed; comments are left out.</summary>
internal static class TemplatePieces
{
    public static IEnumerable<TemplatePiece> Of(string text)
    {
        var at = 0;
        var trims = false;
        while (at < text.Length)
        {
            var start = text.IndexOf("{{", at, StringComparison.Ordinal);
            var literal = text[at..(start < 0 ? text.Length : start)];
            literal = trims ? literal.TrimStart() : literal;
            var trimsBefore = start >= 0 && start + 3 < text.Length && text[start + 2] == '-' && char.IsWhiteSpace(text[start + 3]);
            literal = trimsBefore ? literal.TrimEnd() : literal;
            if (literal.Length > 0)
            {
                yield return new(false, literal);
            }

            if (start < 0)
            {
                yield break;
            }

            at = EndOf(text, start + 2);
            var inner = text[(start + (trimsBefore ? 3 : 2))..Math.Max(at - 2, start + 2)];
            trims = inner.EndsWith('-') && inner.Length > 1 && char.IsWhiteSpace(inner[^2]);
            inner = (trims ? inner[..^1] : inner).Trim();
            if (!inner.StartsWith("/*", StringComparison.Ordinal))
            {
                yield return new(true, inner);
            }
        }
    }

    // Strings may hold braces; a comment ends with its own mark.
    private static int EndOf(string text, int at)
    {
        var comment = text.AsSpan(at).TrimStart("- \t\r\n").StartsWith("/*") ? text.IndexOf("*/", at, StringComparison.Ordinal) : -1;
        var quote = '\0';
        for (at = comment >= 0 ? comment : at; at < text.Length; at++)
        {
            if (quote != '\0')
            {
                at += text[at] == '\\' && quote != '`' ? 1 : 0;
                quote = at < text.Length && text[at] == quote ? '\0' : quote;
            }
            else if (text[at] is '"' or '`')
            {
                quote = text[at];
            }
            else if (text[at] == '}' && at + 1 < text.Length && text[at + 1] == '}')
            {
                return at + 2;
            }
        }

        return text.Length;
    }
}
