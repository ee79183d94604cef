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
            && operation.Find("value") is { } given)
        {
            FindValue(path.Split('/'), given, trail.At("value"));
        }
    }

    private void FindValue(string[] steps, Node given, Trail trail)
    {
        switch (given)
        {
            case ScalarNode value when IsImage(steps):
                finders.Collector.Add(PlaceKind.JsonPatch, trail, value);
                break;
            case MappingNode container when steps is [.., "containers" or "initContainers" or "ephemeralContainers", _]
                && container.Find("image") is ScalarNode image:
                finders.Collector.Add(PlaceKind.JsonPatch, trail.At("image"), image);
                break;
            case SequenceNode list when steps is [.., "containers" or "initContainers" or "ephemeralContainers"]:
                for (var i = 0; i < list.Items.Count; i++)
                {
                    FindValue([.. steps, "-"], list.Items[i], trail.At(i));
                }

                break;
        }
    }

    private static bool IsImage(string[] steps)
    {
        return steps is [.., "containers" or "initContainers" or "ephemeralContainers", _, "image"]
            or [.., "volumes", _, "image", "reference"];
    }
}
