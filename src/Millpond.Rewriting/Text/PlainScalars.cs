using System.Buffers;

namespace Millpond.Rewriting.Text;

/// <summary>What can be written in YAML without quotes and is still read as that text.</summary>
internal static class PlainScalars
{
    private static readonly SearchValues<char> Numeric = SearchValues.Create("0123456789abcdefABCDEFxXoO._:+-");

    private static readonly SearchValues<char> Indicators = SearchValues.Create("[]{},#&*!|>'\"%` \t\n");

    // Both YAML 1.1's and 1.2's words, since readers of both kinds are about.
    private static readonly SearchValues<string> Words = SearchValues.Create(
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"], StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a reference, or a part of one, may stand plain.</summary>
    public static bool CanSay(string text) =>
        text.Length > 0
        && text[0] != '@'
        && !text.AsSpan().ContainsAny(Indicators)
        && IsText(text);

    /// <summary>Whether a plain scalar is read as text, and not as a number, a truth value or null.</summary>
    public static bool IsText(string text) =>
        text.Length > 0
        && !Words.Contains(text)
        && !(char.IsAsciiDigit(text[0]) && !text.AsSpan().ContainsAnyExcept(Numeric));
}
