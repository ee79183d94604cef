using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Finds the places of one document, by its format and by what it is.</summary>
internal sealed class PlaceFinder(PlaceTables tables, RegistryMeaning meaning)
{
    /// <summary>The document's places in the order in which they were found; why it could not be read where it could not.</summary>
    public List<Place> Find(Document document, FileFormat format, string path, out DocumentFault? fault)
    {
        fault = null;
        var finders = new DocumentFinders(tables, meaning);
        var layer = Layer.Of(document.Bytes);
        if (layer.Bytes.Span.Contains((byte)0))
        {
            fault = new DocumentFault(1, "has a NUL byte: not text in UTF-8");
            return [];
        }

        switch (format)
        {
            case FileFormat.Dockerfile:
                finders.Dockerfile.Find(layer, Trail.Root);
                break;
            case FileFormat.Hcl:
                finders.Hcl.Find(layer);
                break;
            default:
                foreach (var root in Read(layer, format, out fault))
                {
                    Find(root, finders, Path.GetFileName(path), document.IsOnly);
                }

                break;
        }

        return finders.Collector.Places;
    }

    private static List<Node> Read(Layer layer, FileFormat format, out DocumentFault? fault)
    {
        var roots = new List<Node>();
        if (format == FileFormat.Json && JsonNodes.TryRead(layer, roots, out fault))
        {
            return roots;
        }

        if (!YamlNodes.TryRead(layer, roots, out fault) && TemplateMask.Paint(layer.Bytes.Span) is { } painted
            && YamlNodes.TryRead(layer, painted, roots, out _))
        {
            fault = null;
        }

        return roots;
    }

    private void Find(Node root, DocumentFinders finders, string fileName, bool isOnly)
    {
        if (root is not MappingNode mapping)
        {
            finders.Resources.FindParts(root, Trail.Root);
        }
        else if (ResourceFinder.IsResource(mapping))
        {
            finders.Resources.Find(mapping, Trail.Root);
        }
        else if (fileName is "kustomization.yaml" or "kustomization.yml" or "Kustomization")
        {
            finders.Kustomize.Find(mapping, Trail.Root);
            finders.Resources.FindParts(mapping, Trail.Root);
        }
        else if (tables.Documents.FirstOrDefault(row => row.Matches(fileName, mapping)) is { } row)
        {
            finders.Apply(row.Places, mapping, Trail.Root);
        }
        else if (IsValues(mapping, finders, fileName, isOnly))
        {
            finders.Values.Find(mapping, Trail.Root);
        }
        else
        {
            finders.Resources.FindParts(mapping, Trail.Root);
        }
    }

    // A file that is called so, or one with a single document that has an image in a form of values. A document without a kind among
    // others is a fragment that the others refer to.
    private static bool IsValues(MappingNode root, DocumentFinders finders, string fileName, bool isOnly) =>
        fileName.Contains("values", StringComparison.OrdinalIgnoreCase)
        || (isOnly && finders.Values.LooksLikeValues(root));
}
