namespace Millpond.Rewriting.Formats;

/// <summary>What a piece of a file is.</summary>
internal enum DocumentPart
{
    /// <summary>A document with everything in it, or several values of JSON.</summary>
    Whole,

    /// <summary>What a long list has beside its items: the text in front of them, or behind.</summary>
    Frame,

    /// <summary>One item of a long list.</summary>
    Item,

    /// <summary>Blanks, comments and commas: nothing to be read.</summary>
    Between,
}

/// <summary>A document of a file, or a piece of a long one: its bytes and where they stand.</summary>
/// <param name="Bytes">As they are read.</param>
/// <param name="Offset">Of the first byte in the file.</param>
/// <param name="Line">Of the first byte, 1-based.</param>
/// <param name="IsOnly">Whether the file has no other document.</param>
internal sealed record Document(ReadOnlyMemory<byte> Bytes, long Offset, int Line, bool IsOnly)
{
    public DocumentPart Part { get; init; } = DocumentPart.Whole;

    /// <summary>Which item of its list it is.</summary>
    public int Index { get; init; }

    /// <summary>Whether the list stands under the key <c>items</c>; else the document itself is the list.</summary>
    public bool IsUnderItems { get; init; }

    /// <summary>So many of the first bytes are not in the file: they only make the piece readable by itself.</summary>
    public int Lead { get; init; }

    /// <summary>So many of the last bytes are not in the file.</summary>
    public int Added { get; init; }
}
