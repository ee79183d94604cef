using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Text;

/// <summary>A stretch of text that can be replaced where it is written.</summary>
internal sealed class EditableText
{
    private readonly Layer layer;
    private readonly int start;
    private readonly int end;
    private readonly ScalarNode? plain;

    private EditableText(Layer layer, int start, int end, ScalarNode? plain)
    {
        this.layer = layer;
        this.start = start;
        this.end = end;
        this.plain = plain;
        Text = WideText.FromBytes(layer.Bytes.Span[start..end]);
        Offset = layer.DocumentOffset(start);
    }

    public string Text { get; }

    /// <summary>Where it begins in the document; texts with the same offset are the same text.</summary>
    public int Offset { get; }

    /// <summary>Where all of it stands in the document.</summary>
    public Edit Span => layer.Replace(start, end, "");

    /// <summary>The whole text of a scalar, blanks around it aside; null where it is empty or cannot be replaced.</summary>
    public static EditableText? Of(ScalarNode scalar)
    {
        if (scalar.Open() is not { } inner)
        {
            return null;
        }

        var text = inner.Bytes.Span;
        var from = text.IndexOfAnyExcept(" \t\n"u8);
        var to = text.LastIndexOfAnyExcept(" \t\n"u8) + 1;
        return from < 0 ? null : Of(scalar, from, to);
    }

    /// <summary>A part of a scalar's text.</summary>
    public static EditableText? Of(ScalarNode scalar, int start, int end)
    {
        if (scalar.Open() is not { } inner || start >= end || !inner.CanReplace(start, end))
        {
            return null;
        }

        return new EditableText(inner, start, end, scalar.Style == TextStyle.Plain ? scalar : null);
    }

    /// <summary>A part of a text that has no scalars (a Dockerfile).</summary>
    public static EditableText? Of(Layer layer, int start, int end) =>
        start < end && layer.CanReplace(start, end) ? new EditableText(layer, start, end, null) : null;

    /// <summary>The edit that makes this text say something else; null where it could not be written here.</summary>
    public Edit? Replace(string replacement)
    {
        if (plain is not null && !PlainScalars.CanSay(replacement))
        {
            var isWhole = plain.End - plain.Start == end - start;
            return isWhole ? plain.Layer.Replace(plain.Start, plain.End, $"\"{replacement}\"") : null;
        }

        var whole = layer.Replace(start, end, replacement);
        if (whole.Length == end - start)
        {
            return whole;
        }

        // Written with escapes: what stays the same at the end keeps its own spelling. One character at least is replaced, because
        // only what is written somewhere has a place.
        var same = Math.Min(Text.AsSpan().CommonSuffix(replacement), end - start - 1);
        return layer.Replace(start, end - same, replacement[..^same]);
    }
}

file static class SpanExtensions
{
    public static int CommonSuffix(this ReadOnlySpan<char> left, ReadOnlySpan<char> right)
    {
        var length = 0;
        while (length < left.Length && length < right.Length && left[^(length + 1)] == right[^(length + 1)])
        {
            length++;
        }

        return length;
    }
}
