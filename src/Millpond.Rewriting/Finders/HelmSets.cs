using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Terraform's <c>set { name = "image.repository", value = "…" }</c> of a Helm release, as the values that they set.</summary>
internal static class HelmSets
{
    /// <summary>The values that a block's sets make; null where it has none.</summary>
    public static MappingNode? Of(MappingNode block)
    {
        MappingNode? values = null;
        foreach (var set in Sets(block))
        {
            if (set.Text("name") is { Length: > 0 } name && set.Find("value") is ScalarNode value)
            {
                Put(values ??= new MappingNode(), name, value);
            }
        }

        return values;
    }

    /// <summary>A list of <c>{name, value}</c> (Argo CD's parameters, helmfile's set).</summary>
    public static MappingNode? OfList(SequenceNode list)
    {
        MappingNode? values = null;
        foreach (var item in list.Items)
        {
            if (item.Resolve() is MappingNode set && set.Text("name") is { Length: > 0 } name && set.Find("value") is ScalarNode value)
            {
                Put(values ??= new MappingNode(), name, value);
            }
        }

        return values;
    }

    /// <summary>A mapping from paths to values (Helmsman's set).</summary>
    public static MappingNode? OfMap(MappingNode map)
    {
        MappingNode? values = null;
        foreach (var (key, value) in map.Entries)
        {
            if (key.Value.Length > 0 && value.Resolve() is ScalarNode text)
            {
                Put(values ??= new MappingNode(), key.Value, text);
            }
        }

        return values;
    }

    private static IEnumerable<MappingNode> Sets(MappingNode block)
    {
        foreach (var (key, value) in block.Entries)
        {
            switch (key.Value, value)
            {
                case ("set", MappingNode one):
                    yield return one;
                    break;
                case ("set", SequenceNode list):
                    foreach (var item in list.Items.OfType<MappingNode>())
                    {
                        yield return item;
                    }

                    break;
            }
        }
    }

    private static void Put(MappingNode values, string name, ScalarNode value)
    {
        var steps = name.Split('.');
        foreach (var step in steps[..^1])
        {
            if (values.Find(step) is not MappingNode next)
            {
                next = new MappingNode();
                values.Entries.Add(new(Key(step, value), next));
            }

            values = next;
        }

        values.Entries.Add(new(Key(steps[^1], value), value));
    }

    // The key is written within the name's text, where nothing is edited.
    private static ScalarNode Key(string name, ScalarNode value) => new(value.Layer, value.Start, value.Start, TextStyle.Plain, name);
}
