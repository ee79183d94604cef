using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Kustomizations. <c>images[].name</c> is a key that matches what the bases say and is never changed; the reference that results is
/// <c>newName</c>, which is added where an entry sets only a tag or digest.
/// </summary>
internal sealed class KustomizeFinder(DocumentFinders finders)
{
    public const string Group = "kustomize.config.k8s.io";

    public void Find(MappingNode kustomization, Trail trail)
    {
        if (kustomization.Find("images") is SequenceNode images)
        {
            for (var i = 0; i < images.Items.Count; i++)
            {
                if (images.Items[i].Resolve() is MappingNode image)
                {
                    FindImage(image, trail.At("images").At(i));
                }
            }
        }

        foreach (var key in (ReadOnlySpan<string>)["patches", "patchesJson6902"])
        {
            FindPatches(kustomization.Find(key) as SequenceNode, trail.At(key));
        }

        if (kustomization.Find("helmCharts") is SequenceNode charts)
        {
            for (var i = 0; i < charts.Items.Count; i++)
            {
                if ((charts.Items[i].Resolve() as MappingNode)?.Find("valuesInline") is MappingNode values)
                {
                    finders.Values.Find(values, trail.At("helmCharts").At(i).At("valuesInline"));
                }
            }
        }
    }

    // Operations as a text; a patch that is a resource is found as one.
    private void FindPatches(SequenceNode? patches, Trail trail)
    {
        for (var i = 0; i < patches?.Items.Count; i++)
        {
            if ((patches.Items[i].Resolve() as MappingNode)?.Find("patch") is ScalarNode patch)
            {
                FindPatch(patch, trail.At(i).At("patch"));
            }
        }
    }

    /// <summary>A text that holds operations (RFC 6902), if it does.</summary>
    public void FindPatch(ScalarNode patch, Trail trail)
    {
        if (patch.Value.Contains("path", StringComparison.Ordinal) && EmbeddedFinder.Read(patch) is [SequenceNode operations])
        {
            finders.JsonPatch.Find(operations, trail);
        }
    }

    public void FindImage(MappingNode image, Trail trail)
    {
        // It has to say what the bases say.
        if (image.Find("name") is ScalarNode matched)
        {
            finders.Collector.Settle(matched);
        }

        var suffix = ReferenceSuffix.Of(image.Find("newTag") as ScalarNode, image.Find("digest") as ScalarNode);
        if (image.Find("newName") is ScalarNode { IsNull: false } newName)
        {
            finders.Collector.MatchedName = image.Text("name");
            finders.Collector.Add(PlaceKind.NewName, trail.At("newName"), newName, suffix);
            finders.Collector.MatchedName = null;
        }
        else if (suffix.Length > 0 && image.Find("name") is ScalarNode { IsNull: false } name)
        {
            AddNewName(image, name, suffix, trail.At("newName"));
        }
    }

    private void AddNewName(MappingNode image, ScalarNode name, string suffix, Trail trail)
    {
        finders.Collector.Add(new Place
        {
            Kind = PlaceKind.NewName,
            Path = trail.ToString(),
            Reference = name.Value + suffix,
            Name = name.Value,
            MatchedName = name.Value,
            Insertion = KeyInsertion.Behind("name", image, name, "newName"),
            Obstacle = Placeholders.IsIn(name.Value) ? Obstacle.Placeholder : null,
            Offset = name.Layer.DocumentOffset(name.Start),
        });
    }
}
