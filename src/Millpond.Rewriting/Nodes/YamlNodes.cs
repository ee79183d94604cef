using Millpond.Rewriting.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Millpond.Rewriting.Nodes;

/// <summary>Reads YAML for its positions. Nothing is converted: a key stays where it is, and so do duplicates.</summary>
internal sealed class YamlNodes
{
    private readonly Layer layer;
    private readonly ReadOnlyMemory<byte> bytes;
    private readonly bool isPainted;
    private readonly Dictionary<string, Node> anchors = new(StringComparer.Ordinal);
    private readonly NodeBuilder builder = new();
    private readonly bool isPart;

    private YamlNodes(Layer layer, ReadOnlyMemory<byte> bytes, bool isPart)
    {
        this.layer = layer;
        this.isPart = isPart;
        this.bytes = bytes;
        isPainted = !bytes.Equals(layer.Bytes);
    }

    /// <summary>The layer's documents, or why it cannot be read.</summary>
    public static bool TryRead(Layer layer, List<Node> documents, out DocumentFault? fault) =>
        TryRead(layer, layer.Bytes, documents, out fault);

    /// <summary>
    /// As above, from bytes in which what is no YAML was painted over; they must have the layer's length, so that positions hold.
    /// </summary>
    /// <param name="layer">The text.</param>
    /// <param name="bytes">The text as it is parsed.</param>
    /// <param name="documents">Gets the documents.</param>
    /// <param name="fault">Why it cannot be read.</param>
    /// <param name="isPart">Whether it is a piece of a longer document, whose anchors may stand outside of it.</param>
    public static bool TryRead(Layer layer, ReadOnlyMemory<byte> bytes, List<Node> documents, out DocumentFault? fault, bool isPart = false)
    {
        fault = null;
        if (bytes.Equals(layer.Bytes) && PlainYaml.TryRead(layer) is { } plain)
        {
            documents.Add(plain);
            return true;
        }

        return TryParse(layer, bytes, documents, out fault, isPart);
    }

    /// <summary>As above, whatever the document looks like.</summary>
    internal static bool TryParse(Layer layer, ReadOnlyMemory<byte> bytes, List<Node> documents, out DocumentFault? fault, bool isPart = false)
    {
        fault = null;
        try
        {
            new YamlNodes(layer, bytes, isPart).Read(documents);
            return true;
        }
        catch (YamlException e)
        {
            documents.Clear();
            fault = new DocumentFault((int)Math.Max(e.Start.Line, 1), e.Message);
            return false;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // How the parser answers some broken flow collections, and tags that are none, instead of a syntax error.
            documents.Clear();
            fault = new DocumentFault(1, e is ArgumentException ? "not YAML: a tag is none" : "not YAML: brackets or keys do not match");
            return false;
        }
    }

    private void Read(List<Node> documents)
    {
        // The byte order mark is no character of the document; it is passed over and stays.
        var skip = bytes.Span.StartsWith("\uFEFF"u8) ? "\uFEFF"u8.Length : 0;
        using var reader = new ByteTextReader(bytes[skip..]);
        var parser = new Parser(reader);
        while (parser.MoveNext())
        {
            switch (parser.Current)
            {
                case Scalar scalar:
                    var text = Make(scalar, skip);
                    Remember(scalar.Anchor, text);
                    builder.Add(text);
                    break;
                case AnchorAlias alias:
                    builder.Add(new AliasNode(Anchored(alias)));
                    break;
                case MappingStart start:
                    Open(new MappingNode { IsFlow = start.Style == MappingStyle.Flow }, start);
                    break;
                case SequenceStart start:
                    Open(new SequenceNode(), start);
                    break;
                case MappingEnd or SequenceEnd:
                    builder.Close();
                    break;
                case DocumentEnd:
                    Finish(documents);
                    break;
            }
        }
    }

    private void Finish(List<Node> documents)
    {
        if (builder.Root is not null)
        {
            documents.Add(builder.Root);
        }

        builder.Clear();
        anchors.Clear();
    }

    private void Open(Node node, NodeEvent start)
    {
        if (builder.Depth >= NodeBuilder.MaxDepth)
        {
            throw new SyntaxErrorException(start.Start, start.End, $"more than {NodeBuilder.MaxDepth} levels deep");
        }

        Remember(start.Anchor, node);
        builder.Open(node);
    }

    private Node? Anchored(AnchorAlias alias)
    {
        if (anchors.TryGetValue(alias.Value.Value, out var node))
        {
            return node;
        }

        // What cannot be seen cannot be edited, and half of a list item would be.
        return isPart
            ? throw new SyntaxErrorException(
                alias.Start, alias.End, $"the anchor of *{alias.Value.Value} is not in the same item; a document of more than 1 MiB is read item by item")
            : null;
    }

    private void Remember(AnchorName anchor, Node node)
    {
        if (!anchor.IsEmpty)
        {
            anchors[anchor.Value] = node;
        }
    }

    private ScalarNode Make(Scalar scalar, int skip)
    {
        var start = (int)scalar.Start.Index + skip;
        var end = (int)scalar.End.Index + skip;
        if (!scalar.Anchor.IsEmpty || !scalar.Tag.IsEmpty)
        {
            start = SkipProperties(start, end);
        }

        var style = scalar.Style switch
        {
            ScalarStyle.SingleQuoted => TextStyle.SingleQuoted,
            ScalarStyle.DoubleQuoted => TextStyle.DoubleQuoted,
            ScalarStyle.Literal => TextStyle.Literal,
            ScalarStyle.Folded => TextStyle.Folded,
            _ => TextStyle.Plain,
        };
        return new ScalarNode(layer, start, end, style, isPainted ? Original(start, end, style) ?? scalar.Value : scalar.Value)
        {
            HasOwnTag = !scalar.Tag.IsEmpty && !scalar.Tag.IsNonSpecific && scalar.Tag.Value.StartsWith('!'),
        };
    }

    // What stands under the paint is what the scalar says.
    private string? Original(int start, int end, TextStyle style) =>
        ScalarDecoder.Decode(layer.Bytes.Span, start, end, style) is { } decoded ? WideText.FromBytes(decoded.ToBytes()) : null;

    // The parser counts an anchor and a tag to the scalar; both stay as they are.
    private int SkipProperties(int start, int end)
    {
        var source = bytes.Span[..end];
        while (start < end)
        {
            var length = source[start] switch
            {
                (byte)'&' or (byte)'!' => LengthUntil(source[start..], " \t\r\n"u8),
                (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' => 1,
                (byte)'#' => LengthUntil(source[start..], "\r\n"u8),
                _ => 0,
            };
            if (length == 0)
            {
                break;
            }

            start += length;
        }

        return start;
    }

    private static int LengthUntil(ReadOnlySpan<byte> source, ReadOnlySpan<byte> stops)
    {
        var length = source.IndexOfAny(stops);
        return length < 0 ? source.Length : length;
    }
}
