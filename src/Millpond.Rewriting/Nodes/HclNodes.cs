using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>
/// Reads Terraform's language for its positions. Blocks and objects are mappings, labels are keys of mappings in between; what is
/// computed is opaque, and nothing is ever refused: what makes no sense is passed over.
/// </summary>
internal sealed class HclNodes
{
    private readonly Layer layer;
    private readonly HclScanner scanner;
    private HclToken token;
    private int depth;

    private HclNodes(Layer layer)
    {
        this.layer = layer;
        scanner = new HclScanner(layer.Bytes);
        Advance();
    }

    public static MappingNode Read(Layer layer)
    {
        var root = new MappingNode();
        var nodes = new HclNodes(layer);
        while (nodes.token.Kind != HclTokenKind.End)
        {
            nodes.ReadBody(root);
            // A closing brace too many.
            nodes.Advance();
        }

        return root;
    }

    private void Advance() => token = scanner.Next();

    private void ReadBody(MappingNode body)
    {
        while (token.Kind != HclTokenKind.End && !token.Is('}'))
        {
            if (token.Kind is HclTokenKind.Identifier or HclTokenKind.Text)
            {
                ReadEntry(body, Scalar(token));
            }
            else
            {
                Advance();
            }
        }
    }

    // name = value, or type "label" … { body }
    private void ReadEntry(MappingNode body, ScalarNode name)
    {
        Advance();
        if (token.Is('='))
        {
            Advance();
            body.Entries.Add(new(name, ReadValue(endsAtLine: true)));
            return;
        }

        var labels = new List<ScalarNode>();
        while (token.Kind is HclTokenKind.Identifier or HclTokenKind.Text)
        {
            labels.Add(Scalar(token));
            Advance();
        }

        if (!token.Is('{') || depth >= NodeBuilder.MaxDepth)
        {
            return;
        }

        var inner = new MappingNode();
        body.Entries.Add(new(name, labels.AsEnumerable().Reverse().Aggregate(inner, Labelled)));
        Advance();
        depth++;
        ReadBody(inner);
        depth--;
        if (token.Is('}'))
        {
            Advance();
        }
    }

    private static MappingNode Labelled(MappingNode inner, ScalarNode label)
    {
        var outer = new MappingNode();
        outer.Entries.Add(new(label, inner));
        return outer;
    }

    private Node ReadValue(bool endsAtLine)
    {
        var node = ReadOperand(endsAtLine);
        // Anything behind it makes an expression of it.
        return SkipRest(endsAtLine) ? OpaqueNode.Instance : node;
    }

    private Node ReadOperand(bool endsAtLine)
    {
        if (!endsAtLine)
        {
            SkipLines();
        }

        switch (token.Kind)
        {
            case HclTokenKind.Text or HclTokenKind.Heredoc:
                var text = Scalar(token);
                Advance();
                return text;
            case HclTokenKind.Identifier:
                return ReadCall();
            case HclTokenKind.Mark when depth < NodeBuilder.MaxDepth && token.Mark is (byte)'[' or (byte)'{':
                depth++;
                Node node = token.Is('[') ? ReadList(']') : ReadObject();
                depth--;
                return node;
            default:
                return OpaqueNode.Instance;
        }
    }

    // What an encoding function is given is what stands there in the end.
    private Node ReadCall()
    {
        var name = layer.Bytes.Span[token.Start..token.End];
        var isEncoding = name.SequenceEqual("jsonencode"u8) || name.SequenceEqual("yamlencode"u8);
        Advance();
        if (!isEncoding || !token.Is('(') || depth >= NodeBuilder.MaxDepth)
        {
            return OpaqueNode.Instance;
        }

        depth++;
        var arguments = ReadList(')');
        depth--;
        return arguments.Items is [var only] ? only : OpaqueNode.Instance;
    }

    private SequenceNode ReadList(char close)
    {
        var list = new SequenceNode();
        Advance();
        while (true)
        {
            SkipLines();
            if (token.Kind == HclTokenKind.End || token.Is(close))
            {
                break;
            }

            var before = token.Start;
            list.Items.Add(ReadValue(endsAtLine: false));
            if (token.Is(',') || token.Start == before)
            {
                Advance();
            }
        }

        Advance();
        return list;
    }

    private MappingNode ReadObject()
    {
        var mapping = new MappingNode();
        Advance();
        while (token.Kind != HclTokenKind.End && !token.Is('}'))
        {
            if (token.Kind is not (HclTokenKind.Identifier or HclTokenKind.Text))
            {
                Advance();
                continue;
            }

            var key = Scalar(token);
            Advance();
            if (token.Is('=') || token.Is(':'))
            {
                Advance();
                mapping.Entries.Add(new(key, ReadValue(endsAtLine: true)));
            }
        }

        Advance();
        return mapping;
    }

    private void SkipLines()
    {
        while (token.Kind == HclTokenKind.NewLine)
        {
            Advance();
        }
    }

    /// <summary>Passes over what is left of an expression; whether there was anything.</summary>
    private bool SkipRest(bool endsAtLine)
    {
        var open = 0;
        var any = false;
        if (!endsAtLine)
        {
            SkipLines();
        }

        while (token.Kind != HclTokenKind.End)
        {
            if (open == 0 && ((endsAtLine && token.Kind == HclTokenKind.NewLine) || token.Is(',') || token.Is('}') || token.Is(']') || token.Is(')')))
            {
                break;
            }

            open += token.Is('(') || token.Is('[') || token.Is('{') ? 1 : token.Is(')') || token.Is(']') || token.Is('}') ? -1 : 0;
            any |= token.Kind != HclTokenKind.NewLine;
            Advance();
        }

        return any;
    }

    private ScalarNode Scalar(HclToken at)
    {
        var style = at.Kind switch
        {
            HclTokenKind.Text => TextStyle.HclQuoted,
            HclTokenKind.Heredoc => TextStyle.HclHeredoc,
            _ => TextStyle.Plain,
        };
        var decoded = ScalarDecoder.Decode(layer.Bytes.Span, at.Start, at.End, style);
        return new ScalarNode(layer, at.Start, at.End, style, decoded is null ? "" : WideText.FromBytes(decoded.ToBytes()));
    }
}
