namespace Millpond.Rewriting.Formats;

/// <summary>A variable that a reference begins with: <c>$BASE</c>, <c>${BASE}</c>, <c>${BASE:-default}</c>.</summary>
/// <param name="End">Behind it, in the file.</param>
/// <param name="Default">The default that is written in it.</param>
internal sealed record DockerfileVariable(string Name, int End, DockerfileWord? Default)
{
    public static DockerfileVariable? AtStart(DockerfileWord word)
    {
        var text = word.Text;
        if (text.Length < 2 || text[0] != '$')
        {
            return null;
        }

        if (text[1] != '{')
        {
            var length = 1;
            while (length < text.Length && (char.IsAsciiLetterOrDigit(text[length]) || text[length] == '_'))
            {
                length++;
            }

            return new DockerfileVariable(text[1..length], word.Start + length, null);
        }

        var close = text.IndexOf('}', StringComparison.Ordinal);
        if (close < 0)
        {
            return null;
        }

        var inner = text[2..close];
        var colon = inner.IndexOf(":-", StringComparison.Ordinal);
        if (colon < 0)
        {
            return new DockerfileVariable(inner, word.Start + close + 1, null);
        }

        var start = word.Start + 2 + colon + 2;
        return new DockerfileVariable(inner[..colon], word.Start + close + 1, new DockerfileWord(start, word.Start + close, inner[(colon + 2)..]));
    }
}
