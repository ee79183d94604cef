using System.Text.Json;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>Reads JSON for its positions: one value or several behind one another; comments and trailing commas are allowed.</summary>
internal static class JsonNodes
{
    /// <param name="layer">The text.</param>
    /// <param name="documents">Gets the values.</param>
    /// <param name="fault">Why it cannot be read.</param>
    public static bool TryRead(Layer layer, List<Node> documents, out DocumentFault? fault)
    {
        fault = null;
        var source = layer.Bytes.Span;
        var skip = source.StartsWith("\uFEFF"u8) ? "\uFEFF"u8.Length : 0;
        var reader = new Utf8JsonReader(source[skip..], new JsonReaderOptions
        {
            AllowMultipleValues = true,
            AllowTrailingCommas = true,
            CommentHandling = JsonCommentHandling.Skip,
            MaxDepth = NodeBuilder.MaxDepth,
        });
        try
        {
            Read(ref reader, layer, skip, documents, new NodeBuilder());
            return true;
        }
        catch (JsonException e)
        {
            documents.Clear();
            fault = new DocumentFault((int)(e.LineNumber ?? 0) + 1, e.Message);
            return false;
        }
    }

    private static void Read(ref Utf8JsonReader reader, Layer layer, int skip, List<Node> documents, NodeBuilder builder)
    {
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    builder.Open(new MappingNode { IsFlow = true });
                    break;
                case JsonTokenType.StartArray:
                    builder.Open(new SequenceNode());
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    builder.Close();
                    break;
                case JsonTokenType.PropertyName or JsonTokenType.String:
                    builder.Add(Text(ref reader, layer, skip));
                    break;
                default:
                    builder.Add(OpaqueNode.Instance);
                    break;
            }

            if (builder.Depth == 0 && builder.Root is not null)
            {
                documents.Add(builder.Root);
                builder.Clear();
            }
        }
    }

    private static ScalarNode Text(ref Utf8JsonReader reader, Layer layer, int skip)
    {
        var start = (int)reader.TokenStartIndex + skip;
        // The token without its quotes.
        var end = start + reader.ValueSpan.Length + 2;
        var value = reader.ValueIsEscaped
            ? WideText.FromBytes(ScalarDecoder.Decode(layer.Bytes.Span, start, end, TextStyle.DoubleQuoted)?.ToBytes() ?? [])
            : WideText.FromBytes(reader.ValueSpan);
        return new ScalarNode(layer, start, end, TextStyle.DoubleQuoted, value);
    }
}
