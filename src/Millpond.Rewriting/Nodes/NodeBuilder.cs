namespace Millpond.Rewriting.Nodes;

/// <summary>Puts nodes together as a reader meets them: open, add, close.</summary>
internal sealed class NodeBuilder
{
    /// <summary>Deeper documents are not walked: no manifest is, and walking is recursive.</summary>
    public const int MaxDepth = 128;

    private readonly Stack<Frame> frames = new();

    /// <summary>The outermost node, once it is there.</summary>
    public Node? Root { get; private set; }

    public int Depth => frames.Count;

    /// <summary>The mapping or sequence that is open.</summary>
    public Node? Current => frames.TryPeek(out var frame) ? frame.Node : null;

    public void Open(Node node)
    {
        Add(node);
        frames.Push(new Frame(node));
    }

    public void Close() => frames.Pop();

    public void Add(Node node)
    {
        if (!frames.TryPeek(out var frame))
        {
            Root = node;
            return;
        }

        switch (frame.Node)
        {
            case SequenceNode sequence:
                sequence.Items.Add(node);
                break;
            case MappingNode when !frame.HasKey:
                frame.Key = node as ScalarNode;
                frame.HasKey = true;
                break;
            case MappingNode mapping:
                // A mapping as a key (YAML allows it) has no use here, nor has its value.
                if (frame.Key is not null)
                {
                    mapping.Entries.Add(new(frame.Key, node));
                }

                frame.HasKey = false;
                break;
        }
    }

    public void Clear()
    {
        frames.Clear();
        Root = null;
    }

    private sealed class Frame(Node node)
    {
        public Node Node { get; } = node;

        public ScalarNode? Key { get; set; }

        public bool HasKey { get; set; }
    }
}
