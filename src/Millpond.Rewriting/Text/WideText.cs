namespace Millpond.Rewriting.Text;

/// <summary>
/// Bytes as characters, one for one: an offset in the text is an offset in the file, whatever encoding its comments are in. Bytes beyond
/// ASCII become letters of U+0180–U+01FF, so that no parser sees a line break or a blank in half of a character (U+0085 is both half of "Å" and YAML 1.1's "next line").
/// </summary>
internal static class WideText
{
    private const int Shift = 0x100;

    public static char ToChar(byte value) => value < 0x80 ? (char)value : (char)(value + Shift);

    public static string FromBytes(ReadOnlySpan<byte> bytes) => string.Create(bytes.Length, bytes, static (text, source) =>
    {
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = ToChar(source[i]);
        }
    });
}
