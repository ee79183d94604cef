using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Where a key, or the text of an empty one, can be added to a mapping.</summary>
internal static class KeyInsertion
{
    /// <summary>
    /// A key behind another one and its text: in braces behind it, on a line of its own elsewhere; null within a string, whose escapes a new line would
    /// need.
    /// </summary>
    /// <param name="known">The key that is there.</param>
    /// <param name="mapping">What has it.</param>
    /// <param name="text">Its text.</param>
    /// <param name="added">The key that is added.</param>
    public static Insertion? Behind(string known, MappingNode mapping, ScalarNode text, string added)
    {
        var key = mapping.Entries.FirstOrDefault(entry => entry.Key.Value == known).Key;
        var bytes = text.Layer.Bytes.Span;
        if (key is null || text.Layer.Depth > 0)
        {
            return null;
        }

        if (mapping.IsFlow)
        {
            return bytes[key.Start] == '"'
                ? new Insertion(text.End, $", \"{added}\": \"", "\"")
                : new Insertion(text.End, $", {added}: ", "");
        }

        var lineStart = bytes[..key.Start].LastIndexOf((byte)'\n') + 1;
        var indentation = new string(' ', key.Start - lineStart);
        var lineLength = bytes[text.End..].IndexOf((byte)'\n');
        if (lineLength < 0)
        {
            return new Insertion(bytes.Length, $"\n{indentation}{added}: ", "");
        }

        var lineEnd = text.End + lineLength + 1;
        var lineBreak = bytes[lineEnd - 2] == '\r' ? "\r\n" : "\n";
        return new Insertion(lineEnd, $"{indentation}{added}: ", lineBreak);
    }

    /// <summary>The text of a key that has none, or an empty one in quotes; null where something else stands there.</summary>
    public static Insertion? Into(ScalarNode key, ScalarNode text)
    {
        if (text.Layer.Depth > 0 || text.HasOwnTag)
        {
            return null;
        }

        if (text.Style is TextStyle.SingleQuoted or TextStyle.DoubleQuoted)
        {
            return text.End - text.Start == 2 ? new Insertion(text.Start + 1, "", "") : null;
        }

        var bytes = text.Layer.Bytes.Span;
        var behind = bytes[key.End..];
        var colon = behind.IndexOfAnyExcept((byte)' ', (byte)'\t');
        if (text.Style != TextStyle.Plain || !text.IsEmpty || colon < 0 || behind[colon] != ':')
        {
            return null;
        }

        // An anchor or a tag would be the new text's.
        var rest = behind[(colon + 1)..].TrimStart(" \t"u8);
        return rest.IsEmpty || rest[0] is (byte)'\r' or (byte)'\n' or (byte)'#' or (byte)',' or (byte)'}' ? new Insertion(key.End + colon + 1, " ", "") : null;
    }
}
