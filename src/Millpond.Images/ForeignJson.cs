using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Millpond.Images;

/// <summary>
/// JSON that a stranger wrote. .NET's reader takes bytes that are no UTF-8 and halves of surrogate pairs for granted and throws only when
/// such a text is looked at, be it a value or the name of a member. Here both are replaced before anything is read, as Go's reader does,
/// so that nothing that is asked of the document throws for its content. The bytes themselves stay as they came.
/// </summary>
public static class ForeignJson
{
    // \uXXXX
    private const int EscapeLength = 6;

    private static readonly byte[] Replacement = "fffd"u8.ToArray();

    /// <summary>The document; null where the bytes are no JSON.</summary>
    public static JsonDocument? TryParse(ReadOnlyMemory<byte> text)
    {
        try
        {
            return JsonDocument.Parse(Clean(text));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>A member's text; null where it is missing or no text.</summary>
    public static string? TextOf(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ReadOnlyMemory<byte> Clean(ReadOnlyMemory<byte> text)
    {
        var whole = Utf8.IsValid(text.Span) ? text : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(text.Span));
        byte[]? copy = null;
        var span = whole.Span;
        for (var at = 0; at < span.Length && span[at..].IndexOf((byte)'\\') is >= 0 and var next;)
        {
            at += next;
            var length = LengthOfEscape(span[at..], out var isHalf);
            if (isHalf)
            {
                copy ??= whole.ToArray();
                Replacement.CopyTo(copy.AsSpan(at + 2));
            }

            at += length;
        }

        return copy ?? whole;
    }

    /// <summary>How long the escape at the beginning is, a pair of surrogates being one; and whether it is half of a pair that has no other half.</summary>
    private static int LengthOfEscape(ReadOnlySpan<byte> text, out bool isHalf)
    {
        isHalf = false;
        if (CodeUnit(text) is not { } unit)
        {
            return 2;
        }

        if (char.IsHighSurrogate(unit) && CodeUnit(text[EscapeLength..]) is { } low && char.IsLowSurrogate(low))
        {
            return 2 * EscapeLength;
        }

        isHalf = char.IsSurrogate(unit);
        return EscapeLength;
    }

    private static char? CodeUnit(ReadOnlySpan<byte> text) =>
        text.Length >= EscapeLength && text[0] == '\\' && text[1] == 'u'
        && Utf8Parser.TryParse(text[2..EscapeLength], out ushort unit, out var used, 'x') && used == EscapeLength - 2
            ? (char)unit
            : null;
}
