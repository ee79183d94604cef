using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>A part of a document that was read for its positions: YAML, JSON and HCL all become these.</summary>
internal abstract class Node;

/// <summary>Keys and values in the order of the text. A key may come twice (both branches of a template's condition).</summary>
internal sealed class MappingNode : Node
{
    public List<KeyValuePair<ScalarNode, Node>> Entries { get; } = [];

    /// <summary>Whether it is written in braces.</summary>
    public bool IsFlow { get; init; }

    /// <summary>The value of a key; YAML's merge keys (<c>&lt;&lt;</c>) count where the mapping has no such key itself.</summary>
    public Node? Find(string key) => Find(key, 0);

    /// <summary>The text of a key's value where it is a scalar.</summary>
    public string? Text(string key) => (Find(key) as ScalarNode)?.Value;

    private Node? Find(string key, int depth)
    {
        foreach (var (name, value) in Entries)
        {
            if (name.Value == key)
            {
                return value.Resolve();
            }
        }

        foreach (var (name, value) in Entries)
        {
            if (name.Value == "<<" && depth < 8 && FindMerged(value.Resolve(), key, depth) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private static Node? FindMerged(Node? merged, string key, int depth) => merged switch
    {
        MappingNode mapping => mapping.Find(key, depth + 1),
        SequenceNode sequence => sequence.Items
            .Select(item => (item.Resolve() as MappingNode)?.Find(key, depth + 1))
            .FirstOrDefault(found => found is not null),
        _ => null,
    };
}

internal sealed class SequenceNode : Node
{
    public List<Node> Items { get; } = [];
}

/// <summary>A use of an anchored node; what can be edited is at the anchor.</summary>
internal sealed class AliasNode(Node? target) : Node
{
    public Node? Target { get; } = target;
}

/// <summary>Something that is there but says nothing literal (an expression, a call).</summary>
internal sealed class OpaqueNode : Node
{
    public static OpaqueNode Instance { get; } = new();
}

/// <summary>A text and where it is written.</summary>
internal sealed class ScalarNode(Layer layer, int start, int end, TextStyle style, string value) : Node
{
    private Layer? inner;
    private bool opened;

    public Layer Layer { get; } = layer;

    public int Start { get; } = start;

    public int End { get; } = end;

    public TextStyle Style { get; } = style;

    /// <summary>What it says. Bytes beyond ASCII appear as other characters: references and keys have none.</summary>
    public string Value { get; } = value;

    public bool IsEmpty => Value.Length == 0;

    /// <summary>Whether it has a tag of the document's own, which says what is made of the text: <c>!Ref</c>, <c>!Sub</c>, <c>!vault</c>.</summary>
    public bool HasOwnTag { get; init; }

    /// <summary>Whether it says nothing: empty, or null as YAML writes it.</summary>
    public bool IsNull => Style == TextStyle.Plain && Value is "" or "null" or "~" or "Null" or "NULL";

    /// <summary>The text as a layer to read or edit in; null where it has no way back to the bytes.</summary>
    public Layer? Open()
    {
        if (!opened)
        {
            opened = true;
            var source = Layer.Bytes.Span;
            var decoded = ScalarDecoder.Decode(source, Start, End, Style);
            var slashes = Style == TextStyle.DoubleQuoted && source[Start..End].IndexOf("\\/"u8) >= 0;
            inner = decoded is not null && Says(decoded) ? Layer.Inner(decoded, Style, slashes) : null;
        }

        return inner;
    }

    // What was decoded here must be what the parser read; where they differ nothing is edited.
    private bool Says(DecodedText decoded)
    {
        var text = WideText.FromBytes(decoded.ToBytes());
        return Style switch
        {
            TextStyle.Literal or TextStyle.HclHeredoc => text.AsSpan().TrimEnd('\n').SequenceEqual(Value.AsSpan().TrimEnd('\n')),
            TextStyle.Folded => text.AsSpan().Trim().SequenceEqual(Value.AsSpan().Trim()),
            _ => text.Length == Value.Length ? text == Value : !System.Text.Ascii.IsValid(Value),
        };
    }
}

internal static class NodeExtensions
{
    /// <summary>The node itself, or what an alias stands for.</summary>
    public static Node? Resolve(this Node? node)
    {
        for (var hops = 0; node is AliasNode alias && hops < 8; hops++)
        {
            node = alias.Target;
        }

        return node is AliasNode ? null : node;
    }
}
