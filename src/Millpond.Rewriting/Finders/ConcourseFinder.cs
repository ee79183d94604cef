using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Images among a Concourse pipeline's resources. One that a job puts is built there and keeps its name, wherever else it is got; the others are
/// pulled.
/// </summary>
internal sealed class ConcourseFinder(DocumentFinders finders)
{
    private const int MaxDepth = 64;

    private static readonly string[] ImageTypes = ["registry-image", "docker-image"];

    public void Find(MappingNode pipeline, Trail trail)
    {
        var put = new HashSet<string>(StringComparer.Ordinal);
        FindPut(pipeline.Find("jobs"), 0, put);
        var resources = (pipeline.Find("resources") as SequenceNode)?.Items ?? [];
        for (var i = 0; i < resources.Count; i++)
        {
            if (resources[i].Resolve() is MappingNode resource
                && ImageTypes.Contains(resource.Text("type"))
                && !(resource.Text("name") is { } name && put.Contains(name))
                && resource.Find("source") is MappingNode source
                && source.Find("repository") is ScalarNode { IsNull: false, IsEmpty: false } repository
                && !repository.Value.Contains("((", StringComparison.Ordinal))
            {
                var suffix = ReferenceSuffix.Of(source.Find("tag") as ScalarNode, null);
                finders.Collector.Add(PlaceKind.Field, trail.At("resources").At(i).At("source").At("repository"), repository, suffix);
            }
        }
    }

    // {put: NAME}, or {put: ANOTHER, resource: NAME}, at any depth: steps are nested in try, do, in_parallel, on_failure and others.
    private static void FindPut(Node? node, int depth, HashSet<string> put)
    {
        if (depth > MaxDepth)
        {
            return;
        }

        switch (node.Resolve())
        {
            case MappingNode mapping:
                if (mapping.Text("put") is { } name)
                {
                    put.Add(mapping.Text("resource") ?? name);
                }

                mapping.Entries.ForEach(entry => FindPut(entry.Value, depth + 1, put));
                break;
            case SequenceNode sequence:
                sequence.Items.ForEach(item => FindPut(item, depth + 1, put));
                break;
        }
    }
}
