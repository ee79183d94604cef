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
        if (document.Part == DocumentPart.Between)
        {
            return [];
        }

        var layer = Layer.Of(document.Bytes);
        if (layer.Bytes.Span.Contains((byte)0))
        {
            fault = new DocumentFault(1, "has a NUL byte: not text in UTF-8");
            return [];
        }

        if (format is FileFormat.Dockerfile or FileFormat.Hcl)
        {
            var finders = new DocumentFinders(tables, meaning);
            if (format == FileFormat.Hcl)
            {
                finders.Hcl.Find(layer);
            }
            else
            {
                finders.Dockerfile.Find(layer, Trail.Root);
            }

            return finders.Collector.Places;
        }

        if (format == FileFormat.Json && TryFind(document, path, OnJson, out _) is { } json)
        {
            return json;
        }

        if (TryFind(document, path, OnYaml, out fault) is { } yaml)
        {
            return yaml;
        }

        if (TemplateMask.Paint(layer.Bytes.Span) is not { } painted)
        {
            return [];
        }

        fault = null;
        return TryFind(document, path, OnPainted(painted), out _) ?? FindLines(layer);
    }

    private List<Place> FindLines(Layer layer)
    {
        var finders = new DocumentFinders(tables, meaning);
        new TemplateLines(finders).Find(layer);
        return finders.Collector.Places;
    }

    private delegate bool Reader(Document document, List<Node> roots, out DocumentFault? fault);

    private static bool OnJson(Document document, List<Node> roots, out DocumentFault? fault) =>
        JsonNodes.TryRead(Layer.Of(document.Bytes), roots, out fault);

    private static bool OnYaml(Document document, List<Node> roots, out DocumentFault? fault) =>
        OnYaml(document, document.Bytes, roots, out fault);

    private static bool OnYaml(Document document, ReadOnlyMemory<byte> bytes, List<Node> roots, out DocumentFault? fault) =>
        YamlNodes.TryRead(Layer.Of(document.Bytes), bytes, roots, out fault, isPart: document.Part != DocumentPart.Whole);

    private static Reader OnPainted(byte[] painted) => (Document document, List<Node> roots, out DocumentFault? fault) =>
        OnYaml(document, painted, roots, out fault);

    /// <summary>The places by one way of reading; null where it cannot be read that way.</summary>
    private List<Place>? TryFind(Document document, string path, Reader read, out DocumentFault? fault)
    {
        var finders = new DocumentFinders(tables, meaning);
        var roots = new List<Node>();
        if (!read(document, roots, out fault))
        {
            return null;
        }

        foreach (var root in roots)
        {
            if (document.Part == DocumentPart.Item)
            {
                FindItem(root, finders, document);
            }
            else
            {
                Find(root, finders, Path.GetFileName(path), document.IsOnly && roots.Count == 1);
            }
        }

        return finders.Collector.Places;
    }

    // By itself an item of YAML, with its dash, is a sequence of one.
    private static void FindItem(Node root, DocumentFinders finders, Document document)
    {
        var trail = (document.IsUnderItems ? Trail.Root.At("items") : Trail.Root).At(document.Index);
        finders.Resources.FindIn(root is SequenceNode { Items: [var item] } ? item : root, trail);
    }

    private void Find(Node root, DocumentFinders finders, string fileName, bool isOnly)
    {
        if (root is not MappingNode mapping)
        {
            finders.Resources.FindParts(root, Trail.Root);
        }
        else if (fileName.EndsWith(".tf.json", StringComparison.OrdinalIgnoreCase))
        {
            finders.Hcl.Find(mapping);
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
