namespace Millpond.Rewriting.Formats;

/// <summary>
/// Cuts one long document of block YAML into the items of its list: a document that is a sequence, or a mapping with a sequence under
/// <c>items</c>. Lines tell where: within an item every line of content stands further to the right than the dash that begins it.
/// </summary>
internal sealed class YamlPieces(DocumentWindow window)
{
    /// <summary>Ends in front of the next document.</summary>
    public IEnumerable<Document> Read()
    {
        var head = FindList(out var indent, out var underItems);
        yield return window.Take(head, indent < 0 ? DocumentPart.Whole : DocumentPart.Frame);
        window.MoveOn(head);
        if (indent < 0)
        {
            yield break;
        }

        for (var index = 0; IsItem(indent); index++)
        {
            var length = ItemLength(indent);
            yield return window.Take(length, DocumentPart.Item) with { Index = index, IsUnderItems = underItems };
            window.MoveOn(length);
        }

        var rest = RestLength(0);
        if (rest > 0)
        {
            yield return window.Take(rest, DocumentPart.Frame);
            window.MoveOn(rest);
        }
    }

    /// <summary>The length of what stands in front of the first item, with its indentation; of the whole document, and -1, where there is no list.</summary>
    private int FindList(out int indent, out bool underItems)
    {
        var at = 0;
        var root = -1;
        var isNext = false;
        underItems = false;
        indent = -1;
        for (int length; (length = window.LineLength(at)) > 0; at += length)
        {
            var line = new YamlLine(window.Span.Slice(at, length));
            if (line.IsDocumentStart && root < 0 && line.IsBareMark)
            {
                continue;
            }

            if (line.IsDocumentStart || line.IsDocumentEnd)
            {
                return RestLength(root < 0 ? at + length : at);
            }

            if (!line.IsContent)
            {
                continue;
            }

            if (line.IsItem && (root < 0 || (isNext && line.Indent >= root)))
            {
                underItems = isNext;
                indent = line.Indent;
                return at;
            }

            root = root < 0 ? line.Indent : root;
            isNext = line.Indent == root && line.IsItemsKey;
        }

        return at;
    }

    private bool IsItem(int indent)
    {
        var length = window.LineLength(0);
        var line = new YamlLine(window.Span[..length]);
        return length > 0 && line.IsItem && line.Indent == indent;
    }

    private int ItemLength(int indent)
    {
        var at = window.LineLength(0);
        for (int length; (length = window.LineLength(at)) > 0; at += length)
        {
            var line = new YamlLine(window.Span.Slice(at, length));
            if (line.IsDocumentStart || line.IsDocumentEnd || (line.IsContent && !line.IsAction && line.Indent <= indent))
            {
                break;
            }
        }

        return at;
    }

    /// <summary>How far the document goes on behind a position.</summary>
    private int RestLength(int at)
    {
        for (int length; (length = window.LineLength(at)) > 0; at += length)
        {
            var line = new YamlLine(window.Span.Slice(at, length));
            if (line.IsDocumentStart)
            {
                return at;
            }

            if (line.IsDocumentEnd)
            {
                return at + length;
            }
        }

        return at;
    }
}
