namespace Millpond.Rewriting.Formats;

/// <summary>
/// Cuts long JSON: several values behind one another into values, and a long value into the items of its list, where it is an array or an
/// object with an array under <c>items</c>. Only brackets, strings and comments are looked at; whether a piece is JSON is seen when it
/// is read.
/// </summary>
/// <param name="window">The file.</param>
/// <param name="longLength">Values from this length on are cut.</param>
internal sealed class JsonPieces(DocumentWindow window, int longLength)
{
    private readonly JsonMarks marks = new(window);

    /// <summary>Ends in front of the next document, or at the end of the file.</summary>
    public IEnumerable<Document> Read()
    {
        while (true)
        {
            if (TakeGap(marks.GapLength(0, withCommas: false)) is { } gap)
            {
                yield return gap;
            }

            if (!window.Has(0) || IsAtMark())
            {
                yield break;
            }

            foreach (var piece in ReadValue())
            {
                yield return piece;
            }
        }
    }

    private IEnumerable<Document> ReadValue()
    {
        var length = FindListOrEnd(out var isList);
        if (!isList)
        {
            yield return window.Take(length, DocumentPart.Whole);
            window.MoveOn(length);
            yield break;
        }

        // The head is read as if the list were empty, the tail likewise.
        var underItems = window.Span[0] == '{';
        var head = window.Take(length, DocumentPart.Frame);
        yield return head with { Bytes = (byte[])[.. head.Bytes.Span, .. underItems ? "]}"u8 : "]"u8], Added = underItems ? 2 : 1 };
        window.MoveOn(length);
        for (var index = 0; ; index++)
        {
            if (TakeGap(marks.GapLength(0, withCommas: true)) is { } gap)
            {
                yield return gap;
            }

            var item = ItemLength();
            if (item == 0)
            {
                break;
            }

            yield return window.Take(item, DocumentPart.Item) with { Index = index, IsUnderItems = underItems };
            window.MoveOn(item);
        }

        var tail = window.Take(EndOf(0, depth: underItems ? 2 : 1), DocumentPart.Frame);
        var lead = underItems ? "{\"items\":["u8.ToArray() : "["u8.ToArray();
        yield return tail with { Bytes = (byte[])[.. lead, .. tail.Bytes.Span], Offset = tail.Offset - lead.Length, Lead = lead.Length };
        window.MoveOn(tail.Bytes.Length);
    }

    // Looked at as far as it takes to tell a mark.
    private bool IsAtMark() => window.Has(3)
        ? new YamlLine(window.Span[..4]).IsDocumentStart
        : window.Span.SequenceEqual("---"u8);

    private Document? TakeGap(int length)
    {
        if (length == 0)
        {
            return null;
        }

        var gap = window.Take(length, DocumentPart.Between);
        window.MoveOn(length);
        return gap;
    }

    /// <summary>The length of the value; of what stands in front of its first item, where it is a long list.</summary>
    private int FindListOrEnd(out bool isList)
    {
        var (at, depth, list, isItems) = (0, 0, 0, false);
        while (marks.Next(ref at) is { } mark)
        {
            switch (mark.Sign)
            {
                case JsonMarks.Text:
                    isItems = depth == 1 && window.Span[mark.Start..at].SequenceEqual("\"items\""u8);
                    break;
                case (byte)'{' or (byte)'[':
                    depth++;
                    // An array that is the value, or the object's items.
                    list = list == 0 && mark.Sign == '[' && (depth == 1 || (depth == 2 && isItems && window.Span[0] == '{')) ? at : list;
                    isItems = false;
                    break;
                case (byte)'}' or (byte)']' when --depth <= 0:
                    isList = false;
                    return at;
                case (byte)',':
                    isItems = false;
                    break;
            }

            if (list > 0 && at > longLength)
            {
                isList = true;
                return list;
            }
        }

        isList = false;
        return at;
    }

    /// <summary>The length of the item; zero at the end of the list.</summary>
    private int ItemLength()
    {
        var (at, depth) = (0, 0);
        while (marks.Next(ref at) is { } mark)
        {
            switch (mark.Sign)
            {
                case (byte)'{' or (byte)'[':
                    depth++;
                    break;
                case (byte)'}' or (byte)']' when --depth < 0:
                case (byte)',' when depth == 0:
                    return mark.Start;
            }
        }

        return at;
    }

    private int EndOf(int at, int depth)
    {
        while (depth > 0 && marks.Next(ref at) is { } mark)
        {
            depth += mark.Sign switch
            {
                (byte)'{' or (byte)'[' => 1,
                (byte)'}' or (byte)']' => -1,
                _ => 0,
            };
        }

        return at;
    }
}
