namespace Millpond.Rewriting.Formats;

/// <summary>What can be said of a line of YAML without reading the document.</summary>
internal readonly ref struct YamlLine
{
    private readonly ReadOnlySpan<byte> text;

    public YamlLine(ReadOnlySpan<byte> line)
    {
        line = line.StartsWith("\uFEFF"u8) ? line["\uFEFF"u8.Length..] : line;
        // Neither a mark nor a directive can be part of a scalar, by YAML's own rule.
        IsDocumentStart = IsMark(line, "---"u8);
        IsDocumentEnd = IsMark(line, "..."u8);
        text = line.TrimStart((byte)' ');
        Indent = line.Length - text.Length;
        text = text.Trim(" \t\r\n"u8);
    }

    public int Indent { get; }

    public bool IsDocumentStart { get; }

    public bool IsDocumentEnd { get; }

    /// <summary>Whether it says something: it is neither blank, nor a comment or a directive.</summary>
    public bool IsContent => !text.IsEmpty && text[0] is not ((byte)'#' or (byte)'%');

    /// <summary>Whether it begins with a template's action, which may stand at any depth.</summary>
    public bool IsAction => text.StartsWith("{{"u8);

    /// <summary>Whether an item of a sequence begins on it.</summary>
    public bool IsItem => text.StartsWith("-"u8) && (text.Length == 1 || text[1] is (byte)' ' or (byte)'\t');

    /// <summary>Whether it is the key <c>items</c> whose value begins on a later line.</summary>
    public bool IsItemsKey => text.StartsWith("items:"u8) && IsNothing(text["items:"u8.Length..]);

    /// <summary>Whether a mark has nothing behind it on its line.</summary>
    public bool IsBareMark => IsNothing(text[3..]);

    private static bool IsNothing(ReadOnlySpan<byte> rest)
    {
        var trimmed = rest.TrimStart(" \t"u8);
        return trimmed.IsEmpty || (trimmed[0] == '#' && trimmed.Length < rest.Length);
    }

    private static bool IsMark(ReadOnlySpan<byte> line, ReadOnlySpan<byte> mark) =>
        line.StartsWith(mark) && (line.Length == mark.Length || line[mark.Length] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n');
}
