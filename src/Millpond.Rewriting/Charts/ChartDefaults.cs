using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Charts;

/// <summary>The texts that a chart's own values have, and that its schema says are the defaults: of keys that may be part of a registry.</summary>
internal sealed class ChartDefaults
{
    private const int MaxDepth = 32;

    /// <summary>No host's name is longer, nor has a chart as many; what is left out is not known.</summary>
    private const int MaxLength = 255;
    private const int MaxTexts = 10_000;

    private static readonly string[] Words = ["registry", "hub", "host", "prefix", "domain", "repo"];

    private readonly Dictionary<ValuesPath, string> texts = [];

    public static ChartDefaults OfValues(Node? values)
    {
        var defaults = new ChartDefaults();
        defaults.AddValues(values, ValuesPath.Top);
        return defaults;
    }

    public static ChartDefaults OfSchema(Node? schema)
    {
        var defaults = new ChartDefaults();
        defaults.AddSchema(schema, schema, ValuesPath.Top);
        return defaults;
    }

    /// <summary>What is said there, empty where it is said to be nothing; null where nothing is said.</summary>
    public string? Find(ValuesPath path) => texts.GetValueOrDefault(path);

    private void AddValues(Node? node, ValuesPath path)
    {
        if (path.Keys.Length > MaxDepth)
        {
            return;
        }

        switch (node.Resolve())
        {
            case MappingNode mapping:
                foreach (var (key, value) in mapping.Entries)
                {
                    AddValues(value, path.At(key.Value));
                }

                break;
            case SequenceNode sequence:
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    AddValues(sequence.Items[i], path.At($"{i}"));
                }

                break;
            case ScalarNode text when path.Keys is [.., var last] && Words.Any(word => last.Contains(word, StringComparison.OrdinalIgnoreCase)):
                if (text.Value.Length <= MaxLength && texts.Count < MaxTexts)
                {
                    texts[path] = text.IsNull ? "" : text.Value;
                }

                break;
        }
    }

    private void AddSchema(Node? root, Node? node, ValuesPath path)
    {
        var schema = Referred(root, node);
        if (schema is null || path.Keys.Length > MaxDepth || texts.Count >= MaxTexts)
        {
            return;
        }

        AddValues(schema.Find("default"), path);
        foreach (var (key, value) in (schema.Find("properties") as MappingNode)?.Entries ?? [])
        {
            AddSchema(root, value, path.At(key.Value));
        }
    }

    // {"$ref": "#/$defs/image"}: within the same file only.
    private static MappingNode? Referred(Node? root, Node? node)
    {
        for (var hops = 0; hops < MaxDepth && node.Resolve() is MappingNode schema; hops++)
        {
            if (schema.Text("$ref") is not { } reference)
            {
                return schema;
            }

            node = reference.StartsWith("#/", StringComparison.Ordinal)
                ? reference[2..].Split('/').Aggregate(root, (at, key) => (at.Resolve() as MappingNode)?.Find(key))
                : null;
        }

        return null;
    }
}
