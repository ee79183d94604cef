using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>JSON patches (RFC 6902), in files of their own or in kustomizations: what they put at a container's image.</summary>
internal sealed class JsonPatchFinder(DocumentFinders finders)
{
    public void Find(SequenceNode operations, Trail trail)
    {
        for (var i = 0; i < operations.Items.Count; i++)
        {
            FindIn(operations.Items[i], trail.At(i));
        }
    }

    /// <summary>What may be one operation of a patch.</summary>
    public void FindIn(Node node, Trail trail)
    {
        if (node.Resolve() is MappingNode operation
            && operation.Text("op") is "add" or "replace" or "test"
            && operation.Text("path") is { } path
            && operation.Find("value") is ScalarNode value
            && IsImage(path))
        {
            finders.Collector.Add(PlaceKind.JsonPatch, trail.At("value"), value);
        }
    }

    private static bool IsImage(string path)
    {
        var steps = path.Split('/');
        return steps is [.., "containers" or "initContainers" or "ephemeralContainers", _, "image"]
            or [.., "volumes", _, "image", "reference"];
    }
}
