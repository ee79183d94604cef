using System.Buffers;

namespace Millpond.Images;

/// <summary>The grammar of a tag, <c>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}</c> (distribution spec), ASCII only.</summary>
public static class Tag
{
    /// <summary>The longest tag.</summary>
    public const int MaxLength = 128;

    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    /// <summary>Whether the text is a tag.</summary>
    public static bool IsValid(ReadOnlySpan<char> value) =>
        value.Length is > 0 and <= MaxLength && value[0] is not ('.' or '-') && !value.ContainsAnyExcept(Characters);
}
