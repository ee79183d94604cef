namespace Millpond.Rewriting.Formats;

/// <summary>
/// Cuts a stream of YAML or JSON at its document marks, and a document that is long into the items of its list (what
/// <c>kubectl get -o yaml</c> gives is one document), so that a file of any length needs the memory of its longest item.
/// </summary>
/// <param name="stream">The file.</param>
/// <param name="longLength">Documents from this length on are cut.</param>
internal sealed class DocumentReader(Stream stream, int longLength = DocumentReader.LongLength)
{
    public const int LongLength = 1 << 20;

    private readonly DocumentWindow window = new(stream);

    /// <summary>The documents and pieces, one after another; each is valid until the next is asked for.</summary>
    /// <exception cref="InvalidDataException">Something that must be held in one piece is too long.</exception>
    public IEnumerable<Document> Read()
    {
        while (window.Has(0))
        {
            if (FindEnd() is { } length)
            {
                yield return window.Take(length, DocumentPart.Whole, isOnly: window.Offset == 0 && window.EndsAt(length));
                window.MoveOn(length);
                continue;
            }

            foreach (var piece in IsJson() ? new JsonPieces(window, longLength).Read() : new YamlPieces(window).Read())
            {
                yield return piece;
            }
        }
    }

    /// <summary>A file in one piece, for formats that are not cut.</summary>
    /// <exception cref="InvalidDataException">It is too long.</exception>
    public Document ReadWhole()
    {
        var length = 0;
        while (window.Has(length))
        {
            length = window.Span.Length;
        }

        return window.Take(length, DocumentPart.Whole, isOnly: true);
    }

    /// <summary>The length of the document; null where it is long.</summary>
    private int? FindEnd()
    {
        var at = 0;
        var hasContent = false;
        while (at < longLength)
        {
            var length = window.LineLength(at, longLength);
            if (length == 0)
            {
                return at;
            }

            var line = new YamlLine(window.Span.Slice(at, length));
            if (at > 0 && hasContent && line.IsDocumentStart)
            {
                return at;
            }

            at += length;
            // Directives and comments before a mark belong to the document that the mark begins.
            hasContent |= line.IsContent;
            if (line.IsDocumentEnd)
            {
                return at;
            }
        }

        return window.Has(at) ? null : at;
    }

    // By its first sign: JSON is looked at as JSON also in a file called YAML. A template may begin with braces too.
    private bool IsJson()
    {
        var text = window.Span;
        text = text.StartsWith("\uFEFF"u8) ? text["\uFEFF"u8.Length..] : text;
        text = text.TrimStart(" \t\r\n"u8);
        return text.StartsWith("["u8) || text.StartsWith("/"u8) || (text.StartsWith("{"u8) && !text.StartsWith("{{"u8));
    }
}
