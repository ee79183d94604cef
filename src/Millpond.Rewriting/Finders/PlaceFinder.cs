using Millpond.Rewriting.Charts;
using Millpond.Rewriting.Formats;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>Finds the places of one document, by its format and by what it is.</summary>
/// <param name="tables">The places.</param>
/// <param name="facts">What is known of registries.</param>
/// <param name="everywhere">Whether a reference that names its registry is changed wherever it stands.</param>
/// <param name="charts">The chart that a file of values is for, by the file's path.</param>
/// <param name="skips">Whether what can name no image is passed over unread; a test asks without.</param>
internal sealed class PlaceFinder(PlaceTables tables, RegistryFacts facts, bool everywhere, Func<string, Chart?>? charts = null, bool skips = true)
{
    /// <summary>Whether a whole file names nothing, so that its documents need not even be told apart.</summary>
    public bool IsWithout(ReadOnlySpan<byte> file, FileFormat format) => skips && format != FileFormat.Dockerfile && !file.Contains((byte)0) && !Prospect.MayName(file, facts);

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

        if (document.Part == DocumentPart.Whole && IsWithout(layer.Bytes.Span, format))
        {
            return [];
        }

        if (format is FileFormat.Dockerfile or FileFormat.Hcl or FileFormat.Lines)
        {
            return FindWhole(layer, format, path);
        }

        if (format == FileFormat.Json && TryFind(document, path, OnJson, out _, format) is { } json)
        {
            return json;
        }

        if (TryFind(document, path, OnYaml, out fault, format) is { } yaml)
        {
            return yaml;
        }

        if (TemplateMask.Paint(layer.Bytes.Span) is not { } painted)
        {
            var finders = new DocumentFinders(tables, facts, everywhere);
            new RawEvidence(finders).Find(layer, format, [], Obstacle.Unreadable);
            return finders.Collector.Places;
        }

        fault = null;
        return TryFind(document, path, OnPainted(painted), out _) ?? FindLines(layer, path);
    }

    private List<Place> FindWhole(Layer layer, FileFormat format, string path)
    {
        var finders = new DocumentFinders(tables, facts, everywhere);
        IReadOnlyList<(int, int)> looked = [];
        if (format == FileFormat.Hcl)
        {
            var root = HclNodes.Read(layer);
            finders.Hcl.Find(root);
            finders.Evidence.Find(root, Trail.Root, tables.Mentions.OfFile(Path.GetFileName(path)));
            looked = finders.Evidence.Looked;
        }
        else if (format == FileFormat.Dockerfile)
        {
            finders.Dockerfile.Find(layer, Trail.Root);
        }
        else if (path.EndsWith(".bicep", StringComparison.OrdinalIgnoreCase))
        {
            new BicepFinder(finders).Find(layer);
        }

        new RawEvidence(finders).Find(layer, format, looked, tables.Mentions.OfFile(Path.GetFileName(path)));
        return finders.Collector.Places;
    }

    private List<Place> FindLines(Layer layer, string path)
    {
        var finders = new DocumentFinders(tables, facts, everywhere);
        var isIgnored = TemplateLines.IsIgnored(layer.Bytes.Span, tables);
        if (!isIgnored)
        {
            new TemplateLines(finders).Find(layer);
        }

        new RawEvidence(finders).Find(layer, FileFormat.Yaml, [], isIgnored ? Obstacle.Policy : tables.Mentions.OfFile(Path.GetFileName(path)));
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
    private List<Place>? TryFind(Document document, string path, Reader read, out DocumentFault? fault, FileFormat format = FileFormat.Yaml)
    {
        var finders = new DocumentFinders(tables, facts, everywhere);
        var roots = new List<Node>();
        if (!read(document, roots, out fault))
        {
            return null;
        }

        foreach (var root in roots)
        {
            finders.Collector.Built = BuiltNames.Of(root);
            if (document.Part == DocumentPart.Item)
            {
                var (item, trail) = ItemOf(root, document);
                finders.Resources.FindIn(item, trail);
            }
            else
            {
                Find(root, finders, path, document.IsOnly && roots.Count == 1);
            }
        }

        FindEvidence(document, roots, finders, path, format);
        return finders.Collector.Places;
    }

    private void FindEvidence(Document document, List<Node> roots, DocumentFinders finders, string path, FileFormat format)
    {
        // A reference that names its registry shows in the bytes, unless it is written with escapes; a parameter that is pointed to may name none.
        var bytes = document.Bytes.Span;
        var at = 0;
        if (!ReferenceScanner.TryFind(bytes, ref at, facts, out _) && bytes.IndexOf((byte)'\\') < 0
            && !finders.Collector.Places.Exists(place => place.Obstacle == Obstacle.Placeholder))
        {
            return;
        }

        var mentioned = tables.Mentions.OfFile(Path.GetFileName(path));
        foreach (var root in roots)
        {
            var (part, trail) = document.Part == DocumentPart.Item ? ItemOf(root, document) : (root, Trail.Root);
            var isFragment = document is { Part: DocumentPart.Whole, IsOnly: false } && IsExtension(part);
            finders.Evidence.Find(part, trail, mentioned, isFragment);
        }

        new RawEvidence(finders).Find(Layer.Of(document.Bytes), format, finders.Evidence.Looked, mentioned);
    }

    // x-common: &common {…}, for other documents' anchors to refer to.
    private static bool IsExtension(Node root) =>
        root is MappingNode { Entries.Count: > 0 } mapping && mapping.Entries.All(entry => entry.Key.Value.StartsWith("x-", StringComparison.Ordinal));

    // By itself an item of YAML, with its dash, is a sequence of one.
    private static (Node Item, Trail Trail) ItemOf(Node root, Document document) =>
        (root is SequenceNode { Items: [var item] } ? item : root, (document.IsUnderItems ? Trail.Root.At("items") : Trail.Root).At(document.Index));

    private void Find(Node root, DocumentFinders finders, string path, bool isOnly)
    {
        var fileName = Path.GetFileName(path);
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
        else if (tables.Documents.FirstOrDefault(row => row.Matches(path, mapping)) is { } row)
        {
            finders.Collector.Imposed = row.Reason;
            finders.Apply(row.Places, mapping, Trail.Root);
            finders.Collector.Imposed = null;
        }
        else if (IsValues(mapping, finders, fileName, isOnly))
        {
            finders.Values.Find(mapping, Trail.Root, charts?.Invoke(path));
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
