using Millpond.Images;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// The last resort for templates that are no YAML even with their actions painted over (a file of helpers, say): lines <c>image: …</c>
/// whose text is a literal reference and says so by a host, a path, a tag or a digest.
/// </summary>
internal sealed class TemplateLines(DocumentFinders finders)
{
    private static ReadOnlySpan<byte> Key => "image:"u8;

    public void Find(Layer layer)
    {
        var text = layer.Bytes.Span;
        for (var start = 0; start < text.Length;)
        {
            var length = text[start..].IndexOf((byte)'\n');
            var end = length < 0 ? text.Length : start + length;
            FindIn(layer, start, end);
            start = end + 1;
        }
    }

    private void FindIn(Layer layer, int start, int end)
    {
        var line = layer.Bytes.Span[start..end];
        var at = line.IndexOfAnyExcept(" \t-"u8);
        if (at < 0 || !line[at..].StartsWith(Key))
        {
            return;
        }

        at += Key.Length;
        var blanks = line[at..].IndexOfAnyExcept((byte)' ', (byte)'\t');
        if (blanks <= 0)
        {
            return;
        }

        at += blanks;
        var quote = line[at] is (byte)'"' or (byte)'\'' ? line[at] : (byte)0;
        at += quote == 0 ? 0 : 1;
        var length = quote == 0 ? line[at..].IndexOfAny(" \t\r"u8) : line[at..].IndexOf(quote);
        length = length < 0 ? line.Length - at : length;
        if (length > 0 && IsLiteral(WideText.FromBytes(line.Slice(at, length))))
        {
            finders.Collector.Add(PlaceKind.Container, Trail.Root.At("image"), layer, start + at, start + at + length);
        }
    }

    private static bool IsLiteral(string text) => text.AsSpan().ContainsAny('/', ':', '@') && ImageReference.TryParse(text, out _);

    // Policies name images in the same lines. Their group is told by a line of its own.
    public static bool IsIgnored(ReadOnlySpan<byte> text, PlaceTables tables)
    {
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = WideText.FromBytes(text[range]).Trim();
            if (line.StartsWith("apiVersion:", StringComparison.Ordinal) && line.Contains('/', StringComparison.Ordinal))
            {
                var group = line["apiVersion:".Length..].Trim(' ', '"', '\'').Split('/')[0];
                if (tables.Ignored.Any(row => row.Kind.Group == group))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
