using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Strings that hold documents of their own.</summary>
internal sealed class EmbeddedFinder(DocumentFinders finders)
{
    /// <summary>Strings in strings deeper than this are left alone.</summary>
    private const int MaxDepth = 4;

    /// <summary>A string that holds manifests: whole resources, each with its kind.</summary>
    public void FindManifests(ScalarNode scalar, Trail trail)
    {
        if (!LooksLikeManifest(scalar.Value))
        {
            return;
        }

        foreach (var document in Read(scalar))
        {
            if (document is MappingNode mapping && ResourceFinder.IsResource(mapping))
            {
                finders.Resources.Find(mapping, trail);
            }
        }
    }

    /// <summary>A string of a known place.</summary>
    public void Find(PlaceForm form, ScalarNode scalar, Trail trail)
    {
        if (form == PlaceForm.DockerfileText)
        {
            if (scalar.Open() is { } text)
            {
                finders.Dockerfile.Find(text, trail);
            }

            return;
        }

        foreach (var document in Read(scalar))
        {
            switch (form, document)
            {
                case (PlaceForm.ValuesText, MappingNode values):
                    finders.Values.Find(values, trail);
                    break;
                case (PlaceForm.ManifestsText, MappingNode resource):
                    finders.Resources.Find(resource, trail);
                    break;
                case (PlaceForm.ImagesText, SequenceNode images):
                    FindImages(images, trail);
                    break;
                case (PlaceForm.FieldsText, var root):
                    FindFields(root, trail);
                    break;
            }
        }
    }

    /// <summary>Values that a ConfigMap holds as a string: who reads them, and whether they win, is unknown. Reported, not edited.</summary>
    public void ReportValues(MappingNode data, Trail trail)
    {
        foreach (var (key, value) in data.Entries)
        {
            if (key.Value.Contains("values", StringComparison.OrdinalIgnoreCase) && value.Resolve() is ScalarNode scalar)
            {
                var before = finders.Collector.Imposed;
                finders.Collector.Imposed = Obstacle.InString;
                Find(PlaceForm.ValuesText, scalar, trail.At(key.Value));
                finders.Collector.Imposed = before;
            }
        }
    }

    /// <summary>The documents in a string; none where it holds no YAML or JSON.</summary>
    public static List<Node> Read(ScalarNode scalar)
    {
        var documents = new List<Node>();
        // A folded scalar joins lines: what is written is not what is read.
        if (scalar.Style == TextStyle.Folded || scalar.Layer.Depth >= MaxDepth || scalar.Open() is not { } inner)
        {
            return documents;
        }

        var first = scalar.Value.AsSpan().TrimStart();
        if (first.IsEmpty || (first[0] is '{' or '[' && JsonNodes.TryRead(inner, documents, out _)))
        {
            return documents;
        }

        YamlNodes.TryRead(inner, documents, out _);
        return documents;
    }

    private void FindImages(SequenceNode images, Trail trail)
    {
        for (var i = 0; i < images.Items.Count; i++)
        {
            if ((images.Items[i].Resolve() as MappingNode)?.Find("image") is ScalarNode image)
            {
                finders.Collector.Add(PlaceKind.Annotation, trail.At(i).At("image"), image);
            }
        }
    }

    // {"storageInitializer": {"image": "kserve/storage-initializer:latest"}}: the key alone says it, at any depth.
    private void FindFields(Node? node, Trail trail)
    {
        switch (node)
        {
            case MappingNode mapping:
                foreach (var (key, value) in mapping.Entries)
                {
                    if (key.Value == "image" && value is ScalarNode { IsNull: false, IsEmpty: false } image)
                    {
                        finders.Collector.Add(PlaceKind.ConfigMap, trail.At(key.Value), image);
                    }
                    else
                    {
                        FindFields(value, trail.At(key.Value));
                    }
                }

                break;
            case SequenceNode sequence:
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    FindFields(sequence.Items[i], trail.At(i));
                }

                break;
        }
    }

    private static bool LooksLikeManifest(string text) =>
        text.Length > 20
        && text.Contains("apiVersion", StringComparison.Ordinal)
        && text.Contains("kind", StringComparison.Ordinal)
        && text.Contains("mage", StringComparison.Ordinal);
}
