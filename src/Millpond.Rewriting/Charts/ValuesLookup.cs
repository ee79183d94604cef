using System.Globalization;
using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Charts;

/// <summary>The values that a chart's templates get: the file at hand, and below it what the charts say themselves.</summary>
/// <param name="File">What the file says of this chart; null where it says nothing.</param>
/// <param name="Chart">The chart's own values.</param>
/// <param name="Parent">Of the chart that this one is a part of; null for the outermost.</param>
/// <param name="Key">What the parent's values call it.</param>
internal sealed record ValuesLookup(MappingNode? File, ChartDefaults Chart, ValuesLookup? Parent, string Key)
{
    public const string Global = "global";

    public ValuesLookup Of(string key, ChartDefaults part) => new(File?.Find(key) as MappingNode, part, this, key);

    /// <summary>What stands there, empty where it is said to be nothing; null where nobody says it.</summary>
    public (string Text, ScalarNode? Node)? Find(ValuesPath path)
    {
        if (path.Keys is [Global, ..] && Parent is not null)
        {
            return Parent.Find(path);
        }

        return InFile(path) is { } node ? (node.IsNull ? "" : node.Value, node)
            : InCharts(path) is { } text ? (text, null)
            : null;
    }

    // What a parent says of its part comes before what the part says.
    private string? InCharts(ValuesPath path) => Parent?.InCharts(new([Key, .. path.Keys])) ?? Chart.Find(path);

    private ScalarNode? InFile(ValuesPath path)
    {
        Node? node = File;
        foreach (var key in path.Keys)
        {
            node = node.Resolve() switch
            {
                MappingNode mapping => mapping.Find(key),
                SequenceNode sequence when int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < sequence.Items.Count => sequence.Items[index],
                _ => null,
            };
        }

        return node.Resolve() as ScalarNode;
    }
}
