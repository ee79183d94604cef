using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Nodes;

/// <summary>
/// Reads the YAML that nearly all manifests are written in, several times as fast as a parser of all of it: mappings and sequences in lines, with scalars
/// and flow collections that end on theirs. It gives up on everything else (and on whatever may be a mistake) before anything is made of it; then
/// the parser has the word. A test compares both.
/// </summary>
internal sealed class PlainYaml
{
    private const int MaxDepth = 64;
    private const int MaxKeyLength = 1000;

    private readonly Layer layer;
    private readonly ReadOnlyMemory<byte> bytes;
    private readonly PlainScalarReader scalars;
    private readonly Stack<Level> levels = new();
    private Node? root;

    private PlainYaml(Layer layer)
    {
        this.layer = layer;
        bytes = layer.Bytes;
        scalars = new PlainScalarReader(layer);
    }

    /// <summary>The one document of the layer; null where it has to be left to the parser.</summary>
    public static Node? TryRead(Layer layer)
    {
        var reader = new PlainYaml(layer);
        return reader.ReadLines() && reader.Close(-1) ? reader.root : null;
    }

    private bool ReadLines()
    {
        var text = bytes.Span;
        var isFirst = true;
        for (var start = 0; start < text.Length;)
        {
            var length = text[start..].IndexOf((byte)'\n');
            var end = length < 0 ? text.Length : start + length;
            var at = start;
            while (at < end && text[at] == ' ')
            {
                at++;
            }

            if (at < end && text[at] != '#')
            {
                var isMark = at == start && text[at..end].StartsWith("---"u8);
                if (isMark ? !(isFirst && scalars.IsRest(at + 3, end)) : !ReadLine(at - start, at, end))
                {
                    return false;
                }

                isFirst = false;
            }
            else if (at < end && text[at..end].ContainsAnyInRange((byte)0, (byte)31))
            {
                return false;
            }

            start = end + 1;
        }

        return root is not null;
    }

    private bool ReadLine(int indent, int at, int end)
    {
        var text = bytes.Span;
        // A line break of Windows, a tab, the end of a document.
        if (text[at..end].ContainsAnyInRange((byte)0, (byte)31) || (indent == 0 && text[at..end].StartsWith("..."u8)))
        {
            return false;
        }

        var isItem = IsDash(text, at, end);
        if (!Close(indent, isItem))
        {
            return false;
        }

        while (isItem)
        {
            if (!Open(indent, isSequence: true))
            {
                return false;
            }

            var next = at + 1;
            while (next < end && text[next] == ' ')
            {
                next++;
            }

            if (next == end || text[next] == '#')
            {
                levels.Peek().IsWaiting = next == end || next > at + 1;
                return levels.Peek().IsWaiting;
            }

            indent += next - at;
            at = next;
            isItem = IsDash(text, at, end);
            if (!isItem && (text[at] is (byte)'{' or (byte)'[' || scalars.KeyEnd(at, end) < 0))
            {
                return scalars.TryReadValue(at, end, out var item) && Add(item);
            }

            levels.Peek().IsWaiting = true;
        }

        return Open(indent, isSequence: false) && ReadEntry(at, end);
    }

    private bool ReadEntry(int at, int end)
    {
        var text = bytes.Span;
        var colon = scalars.KeyEnd(at, end);
        if (colon < 0 || colon - at > MaxKeyLength || scalars.TryReadKey(at, colon) is not { } key)
        {
            return false;
        }

        var level = levels.Peek();
        level.Key = key;
        var value = colon + 1;
        while (value < end && text[value] == ' ')
        {
            value++;
        }

        if (value == end || (text[value] == '#' && value > colon + 1))
        {
            level.IsWaiting = true;
            level.ValueAt = colon + 1;
            return true;
        }

        return scalars.TryReadValue(value, end, out var node) && Add(node);
    }

    private static bool IsDash(ReadOnlySpan<byte> text, int at, int end) => text[at] == '-' && (at + 1 == end || text[at + 1] == ' ');

    /// <summary>Ends what stands further to the right than a line; what waited for something has nothing.</summary>
    private bool Close(int indent, bool isItem = false)
    {
        while (levels.TryPeek(out var level))
        {
            // A sequence may stand as far to the left as the key that it belongs to.
            if (level.IsWaiting && (indent > level.Indent || (indent == level.Indent && isItem && !level.IsSequence)))
            {
                return true;
            }

            if (level.IsWaiting && !AddNothing(level))
            {
                return false;
            }

            if (indent > level.Indent)
            {
                // A scalar that goes on, or something that belongs nowhere.
                return false;
            }

            if (indent == level.Indent && level.IsSequence == isItem)
            {
                return true;
            }

            // An entry behind a sequence that is no further to the right than its key.
            if (indent == level.Indent && !(level.IsSequence && !isItem && levels.Skip(1).FirstOrDefault() is { IsSequence: false } around && around.Indent == indent))
            {
                return false;
            }

            levels.Pop();
        }

        return indent < 0 || root is null;
    }

    private bool AddNothing(Level level)
    {
        level.IsWaiting = false;
        if (level.IsSequence)
        {
            return false;
        }

        level.Add(new ScalarNode(layer, level.ValueAt, level.ValueAt, TextStyle.Plain, ""));
        return true;
    }

    /// <summary>Goes on with the collection that is open at an indentation, or begins one there.</summary>
    private bool Open(int indent, bool isSequence)
    {
        if (levels.TryPeek(out var level) && !level.IsWaiting)
        {
            return level.Indent == indent && level.IsSequence == isSequence;
        }

        Node node = isSequence ? new SequenceNode() : new MappingNode();
        if (level is null)
        {
            root = node;
        }
        else
        {
            level.IsWaiting = false;
            level.Add(node);
        }

        levels.Push(new Level(indent, node));
        return levels.Count <= MaxDepth;
    }

    private bool Add(Node node)
    {
        levels.Peek().Add(node);
        return true;
    }

    /// <summary>A collection that is open.</summary>
    private sealed class Level(int indent, Node node)
    {
        public int Indent { get; } = indent;

        public bool IsSequence { get; } = node is SequenceNode;

        /// <summary>The key whose value comes next.</summary>
        public ScalarNode? Key { get; set; }

        public int ValueAt { get; set; }

        /// <summary>Whether a key or a dash was there without anything behind it.</summary>
        public bool IsWaiting { get; set; }

        public void Add(Node value)
        {
            if (node is SequenceNode sequence)
            {
                sequence.Items.Add(value);
            }
            else if (node is MappingNode mapping && Key is not null)
            {
                mapping.Entries.Add(new(Key, value));
            }
        }
    }
}
