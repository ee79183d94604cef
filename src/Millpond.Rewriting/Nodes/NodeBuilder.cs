namespace Millpond.Rewriting.Nodes;

/// <summary>Puts nodes together as a reader meets them: open, add, close.</summary>
/// <param name="onItem">
/// Takes each item of the outermost mapping's <c>items</c> when it is whole, instead of keeping it: a list of any length then needs the
/// memory of its longest item. Null to keep everything.
/// </param>
internal sealed class NodeBuilder(Action<Node, int>? onItem = null)
{
    /// <summary>Deeper documents are not walked: no manifest is, and walking is recursive.</summary>
    public const int MaxDepth = 128;

    private readonly Stack<Frame> frames = new();
    private int items;

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

    public void Close()
    {
        var closed = frames.Pop();
        if (onItem is not null && IsItems())
        {
            onItem(closed.Node, items++);
        }
    }

    public void Add(Node node)
    {
        if (!frames.TryPeek(out var frame))
        {
            Root = node;
            return;
        }

        switch (frame.Node)
        {
            case SequenceNode when onItem is not null && IsItems():
                break;
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

    // Whether what is open is the list of a List.
    private bool IsItems() => frames.Count == 2 && frames.Peek().Node is SequenceNode && frames.Last().Key?.Value == "items";

    public void Clear()
    {
        frames.Clear();
        items = 0;
        Root = null;
    }

    private sealed class Frame(Node node)
    {
        public Node Node { get; } = node;

        public ScalarNode? Key { get; set; }

        public bool HasKey { get; set; }
    }
}
