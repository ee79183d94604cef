using System.Collections.Immutable;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Places;

/// <summary>Reads a file of tables; what is in it is refused with the place rather than passed over.</summary>
internal sealed class TableReader(MappingNode mapping, string where)
{
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

    public IEnumerable<TableReader> Rows(string key) => mapping.Find(key) switch
    {
        null => [],
        SequenceNode sequence => sequence.Items.Select((item, index) => item.Resolve() is MappingNode row
            ? new TableReader(row, $"{where}.{key}[{index}]")
            : throw new FormatException($"{where}.{key}[{index}] is not a mapping.")),
        _ => throw new FormatException($"{where}.{key} is not a list."),
    };

    public TableReader? RowOrNull(string key) => mapping.Find(key) switch
    {
        null => null,
        MappingNode row => new TableReader(row, $"{where}.{key}"),
        _ => throw new FormatException($"{where}.{key} is not a mapping."),
    };

    public string? WordOrNull(string key) => mapping.Find(key) switch
    {
        null => null,
        ScalarNode { IsEmpty: false } scalar => scalar.Value,
        _ => throw new FormatException($"{where}.{key} is not a text."),
    };

    public string Word(string key) => WordOrNull(key) ?? throw new FormatException($"{where}.{key} is missing.");

    public ImmutableArray<string> Words(string key) => mapping.Find(key) switch
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
}
