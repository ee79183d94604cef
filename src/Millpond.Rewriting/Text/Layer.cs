using System.Text;

namespace Millpond.Rewriting.Text;

/// <summary>
/// Text that is being read, with the way back to the document it stands in. The outermost layer is the document; a string inside it
/// that holds a manifest is a layer of its own, and so on inwards. Every reader works on a layer and need not know how deep it is.
/// </summary>
internal sealed class Layer
{
    private readonly Layer? parent;
    private readonly DecodedText? decoded;
    private readonly TextStyle style;
    private readonly bool escapesSlashes;

    private Layer(ReadOnlyMemory<byte> bytes, Layer? parent, DecodedText? decoded, TextStyle style, bool escapesSlashes)
    {
        Bytes = bytes;
        this.parent = parent;
        this.decoded = decoded;
        this.style = style;
        this.escapesSlashes = escapesSlashes;
        Depth = parent is null ? 0 : parent.Depth + 1;
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>How many strings this text stands in; zero for the document itself.</summary>
    public int Depth { get; }

    public static Layer Of(ReadOnlyMemory<byte> document) => new(document, null, null, TextStyle.Plain, false);

    /// <summary>The layer that a decoded scalar of this one is.</summary>
    public Layer Inner(DecodedText text, TextStyle textStyle, bool slashesAreEscaped = false) =>
        new(text.ToBytes(), this, text, textStyle, slashesAreEscaped);

    /// <summary>Whether this range of the layer can be replaced: it is written in one piece on every layer outwards.</summary>
    public bool CanReplace(int start, int end)
    {
        if (decoded is null || parent is null)
        {
            return true;
        }

        return start < end
            && decoded.IsContiguous(start, end)
            && parent.CanReplace(decoded.StartOf(start), decoded.EndOf(end - 1));
    }

    /// <summary>The edit of the document that replaces this range of the layer, encoded for every layer it lies in.</summary>
    public Edit Replace(int start, int end, string replacement)
    {
        if (decoded is null || parent is null)
        {
            return new Edit(start, end - start, replacement);
        }

        return parent.Replace(decoded.StartOf(start), decoded.EndOf(end - 1), Encode(replacement));
    }

    /// <summary>Where a position of this layer is in the document.</summary>
    public int DocumentOffset(int index)
    {
        if (decoded is null || parent is null)
        {
            return index;
        }

        if (decoded.Length == 0)
        {
            return 0;
        }

        var at = index < decoded.Length ? decoded.StartOf(index) : decoded.EndOf(decoded.Length - 1);
        return parent.DocumentOffset(at);
    }

    private string Encode(string text) => style switch
    {
        TextStyle.SingleQuoted => text.Replace("'", "''", StringComparison.Ordinal),
        TextStyle.DoubleQuoted => EncodeQuoted(text),
        TextStyle.HclQuoted => EncodeQuoted(text).Replace("${", "$${", StringComparison.Ordinal),
        TextStyle.Plain or TextStyle.Literal or TextStyle.Folded or TextStyle.HclHeredoc => text,
    };

    private string EncodeQuoted(string text)
    {
        var encoded = new StringBuilder(text.Length + 8);
        foreach (var c in text)
        {
            encoded.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '/' when escapesSlashes => "\\/",
                _ => c,
            });
        }

        return encoded.ToString();
    }
}
