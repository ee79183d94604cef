using System.Globalization;
using System.Text;

namespace Millpond.Server.Telemetry;

/// <summary>
/// Text of others as a terminal may show it: what would move the cursor, colour, clear or reorder is written as <c>\u001b</c>. An image,
/// a file or an upstream's message may be called anything.
/// </summary>
public static class VisibleText
{
    /// <summary>Of one line: line breaks and tabs too.</summary>
    public static string Of(string text) => Escape(text, keepsLines: false);

    /// <summary>Of several lines: line breaks and tabs stay.</summary>
    public static string Lines(string text) => Escape(text, keepsLines: true);

    /// <summary>Whether a character is shown by itself and does nothing else.</summary>
    public static bool IsVisible(char c) => c is >= ' ' and < '\u007f' || (c >= '\u00a0' && CharUnicodeInfo.GetUnicodeCategory(c)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator));

    private static string Escape(string text, bool keepsLines)
    {
        var first = 0;
        while (first < text.Length && Stays(text[first], keepsLines))
        {
            first++;
        }

        if (first == text.Length)
        {
            return text;
        }

        var visible = new StringBuilder(text.Length + 16).Append(text, 0, first);
        foreach (var c in text.AsSpan(first))
        {
            if (Stays(c, keepsLines))
            {
                visible.Append(c);
            }
            else
            {
                visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
        }

        return visible.ToString();
    }

    private static bool Stays(char c, bool keepsLines) => IsVisible(c) || (keepsLines && (c is '\n' or '\t'));
}
