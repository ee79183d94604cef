using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;

namespace Millpond.Rewriting.Finders;

/// <summary>Several images in one mapping of Helm values, each by the beginning of its keys.</summary>
internal sealed class ValuesNames(DocumentFinders finders, SharedRegistries shared, ValuesImages images)
{
    private static readonly string[] NameEnds = ["_image_name", "ImageName"];

    /// <summary>
    /// Repositories under keys of their own beside a tag of their own (<c>defaultXRepository</c> and <c>defaultXTag</c>, <c>crdRepository</c> in an
    /// image): gives the texts that it took.
    /// </summary>
    public void Find(MappingNode mapping, Trail trail, ICollection<ScalarNode> used)
    {
        FindNames(mapping, trail, used);
        FindBesideRegistry(mapping, trail, used);
        foreach (var (key, value) in mapping.Entries)
        {
            var lead = Lead(key.Value);
            if (lead is null || used.Contains(value) || (key.Value == "defaultImageRepository" && shared.Fallback is not null)
                || value.Resolve() is not ScalarNode { IsNull: false, IsEmpty: false } text || ValuesImages.IsUrl(text) || !text.Value.Contains('/', StringComparison.Ordinal))
            {
                continue;
            }

            var tag = mapping.Find(lead + "Tag") ?? mapping.Find(lead + "ImageTag") ?? mapping.Find(lead + "_tag") ?? mapping.Find(lead + "Version");
            if (tag is ScalarNode || (ValuesImages.IsImageKey(trail.Key) && ValuesImages.Text(mapping, finders.Tables.Values.Tag) is not null))
            {
                finders.Collector.Add(PlaceKind.Values, trail.At(key.Value), text, ReferenceSuffix.Of(tag as ScalarNode ?? ValuesImages.Text(mapping, finders.Tables.Values.Tag), null));
                used.Add(text);
            }
        }
    }

    // prometheusDefaultBaseImage beside prometheusDefaultBaseImageRegistry (the Prometheus operator), dbRepository beside dbRegistry (Trivy).
    private void FindBesideRegistry(MappingNode mapping, Trail trail, ICollection<ScalarNode> used)
    {
        const string end = "Registry";
        foreach (var (key, value) in mapping.Entries)
        {
            if (key.Value.Length <= end.Length || !key.Value.EndsWith(end, StringComparison.Ordinal)
                || value.Resolve() is not ScalarNode { IsNull: false, IsEmpty: false } registry || !RegistryFacts.NamesRegistry(registry.Value.TrimEnd('/') + "/any"))
            {
                continue;
            }

            var lead = key.Value[..^end.Length];
            var name = ValuesImages.Text(mapping, [lead]) is { } whole && ValuesImages.IsImageKey(lead) ? (Key: lead, Text: whole) : (Key: lead + "Repository", Text: ValuesImages.Text(mapping, [lead + "Repository"]));
            if (name.Text is null || used.Contains(name.Text) || RegistryFacts.NamesRegistry(name.Text.Value) || !ImageReference.TryParse(name.Text.Value, out _))
            {
                continue;
            }

            var tag = mapping.Find(lead + "Tag") as ScalarNode;
            // Without image in its name it may be a database.
            var isImage = tag is not null || ValuesImages.IsImageKey(lead);
            images.Split(trail.At(name.Key), registry, name.Text, "", ReferenceSuffix.Of(tag, null), isImage ? null : Obstacle.UnknownPlace);
            used.Add(registry);
            used.Add(name.Text);
        }
    }

    // image_registry beside several x_image_name.
    private void FindNames(MappingNode mapping, Trail trail, ICollection<ScalarNode> used)
    {
        if (ValuesImages.Text(mapping, ["image_registry", "imageRegistry"]) is not { } registry || !RegistryFacts.NamesRegistry(registry.Value.TrimEnd('/') + "/any"))
        {
            return;
        }

        foreach (var (key, value) in mapping.Entries)
        {
            var end = Array.Find(NameEnds, end => key.Value.Length > end.Length && key.Value.EndsWith(end, StringComparison.Ordinal));
            if (end is not null && value.Resolve() is ScalarNode { IsNull: false, IsEmpty: false } name && !RegistryFacts.NamesRegistry(name.Value)
                && ImageReference.TryParse(name.Value, out _))
            {
                var tag = mapping.Find(key.Value[..^4] + "tag") ?? mapping.Find(key.Value[..^4] + "Tag") ?? mapping.Find(key.Value[..^4] + "version");
                images.Split(trail.At(key.Value), registry, name, "", ReferenceSuffix.Of(tag as ScalarNode, null));
                used.Add(name);
            }
        }
    }

    private static string? Lead(string key)
    {
        foreach (var end in (ReadOnlySpan<string>)["ImageRepository", "Repository", "_image_repository", "_repository", "Image", "_image"])
        {
            if (key.Length > end.Length && key.EndsWith(end, StringComparison.Ordinal))
            {
                return key[..^end.Length];
            }
        }

        return null;
    }
}
