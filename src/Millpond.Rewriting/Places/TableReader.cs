using System.Collections.Immutable;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Places;

/// <summary>Reads a file of tables; what is in it is refused with the place rather than passed over.</summary>
internal sealed class TableReader(MappingNode mapping, string where)
{
    private readonly SortedSet<string> asked = new(StringComparer.Ordinal);
    private readonly List<TableReader> rows = [];

    /// <exception cref="FormatException">It is not YAML, or no mapping.</exception>
    public static TableReader Read(ReadOnlyMemory<byte> yaml)
    {
        var documents = new List<Node>();
        if (!YamlNodes.TryRead(Layer.Of(yaml), documents, out var fault))
        {
            throw new FormatException($"The tables of places are no YAML: {fault!.What}");
        }

        return documents switch
        {
            [] => new TableReader(new MappingNode(), "tables"),
            [MappingNode root] => new TableReader(root, "tables"),
            _ => throw new FormatException("The tables of places are not one mapping."),
        };
    }

    public IEnumerable<TableReader> Rows(string key) => Find(key) switch
    {
        null => [],
        SequenceNode sequence => sequence.Items.Select((item, index) => item.Resolve() is MappingNode row
            ? Row(row, $"{where}.{key}[{index}]")
            : throw new FormatException($"{where}.{key}[{index}] is not a mapping.")),
        _ => throw new FormatException($"{where}.{key} is not a list."),
    };

    public TableReader? RowOrNull(string key) => Find(key) switch
    {
        null => null,
        MappingNode row => Row(row, $"{where}.{key}"),
        _ => throw new FormatException($"{where}.{key} is not a mapping."),
    };

    public string? WordOrNull(string key) => Find(key) switch
    {
        null => null,
        ScalarNode { IsEmpty: false } scalar => scalar.Value,
        _ => throw new FormatException($"{where}.{key} is not a text."),
    };

    public string Word(string key) => WordOrNull(key) ?? throw new FormatException($"{where}.{key} is missing.");

    public ImmutableArray<string> Words(string key) => Find(key) switch
    {
        null => [],
        SequenceNode sequence => [.. sequence.Items.Select((item, index) => item.Resolve() is ScalarNode scalar
            ? scalar.Value
            : throw new FormatException($"{where}.{key}[{index}] is not a text."))],
        _ => throw new FormatException($"{where}.{key} is not a list."),
    };

    public ImmutableArray<PlacePath> Paths(string key)
    {
        try
        {
            return [.. Words(key).Select(PlacePath.Parse)];
        }
        catch (FormatException e)
        {
            throw new FormatException($"{where}.{key}: {e.Message}", e);
        }
    }

    /// <summary>To be called when everything has been read: a key that nobody has asked for is misspelt, and would do nothing.</summary>
    /// <exception cref="FormatException">There is such a key.</exception>
    public void RefuseOtherKeys()
    {
        foreach (var (key, _) in mapping.Entries)
        {
            if (!asked.Contains(key.Value))
            {
                throw new FormatException($"{where}.{key.Value}: there is no such key here, but {string.Join(", ", asked)}.");
            }
        }

        rows.ForEach(row => row.RefuseOtherKeys());
    }

    private Node? Find(string key)
    {
        asked.Add(key);
        return mapping.Find(key);
    }

    private TableReader Row(MappingNode row, string place)
    {
        var reader = new TableReader(row, place);
        rows.Add(reader);
        return reader;
    }
}
