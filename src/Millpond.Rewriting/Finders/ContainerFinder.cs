using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>The lists of a Pod that name images.</summary>
internal sealed class ContainerFinder(DocumentFinders finders)
{
    public void Find(SequenceNode containers, Trail trail, MappingNode? podMetadata)
    {
        var kind = trail.Key switch
        {
            "initContainers" => PlaceKind.InitContainer,
            "ephemeralContainers" => PlaceKind.EphemeralContainer,
            _ => PlaceKind.Container,
        };
        for (var i = 0; i < containers.Items.Count; i++)
        {
            if ((containers.Items[i].Resolve() as MappingNode)?.Find("image") is ScalarNode image)
            {
                var obstacle = IsFilledIn(image.Value, podMetadata) ? Obstacle.Placeholder : (Obstacle?)null;
                finders.Collector.Add(kind, trail.At(i).At("image"), image, obstacle: obstacle);
            }
        }
    }

    public void FindVolumes(SequenceNode volumes, Trail trail)
    {
        for (var i = 0; i < volumes.Items.Count; i++)
        {
            if ((volumes.Items[i].Resolve() as MappingNode)?.Find("image") is MappingNode image
                && image.Find("reference") is ScalarNode reference)
            {
                finders.Collector.Add(PlaceKind.ImageVolume, trail.At(i).At("image").At("reference"), reference);
            }
        }
    }

    private bool IsFilledIn(string image, MappingNode? podMetadata)
    {
        foreach (var row in finders.Tables.Placeholders)
        {
            if (row.Image == image && (HasKey(podMetadata, "annotations", row) || HasKey(podMetadata, "labels", row)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasKey(MappingNode? metadata, string map, PlaceholderRow row) =>
        metadata?.Find(map) is MappingNode entries
        && entries.Entries.Any(entry => row.When.Any(start => entry.Key.Value.StartsWith(start, StringComparison.Ordinal)));
}
