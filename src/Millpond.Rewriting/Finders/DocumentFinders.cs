using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Scanning;

namespace Millpond.Rewriting.Finders;

/// <summary>The finders of one document: they share its places and call one another where formats are nested.</summary>
internal sealed class DocumentFinders
{
    public DocumentFinders(PlaceTables tables, RegistryFacts facts, bool everywhere)
    {
        Tables = tables;
        Facts = facts;
        Collector = new(everywhere);
        Resources = new(this);
        Arguments = new(this);
        JsonPatch = new(this);
        Embedded = new(this);
        Kustomize = new(this);
        Values = new(this);
        Dockerfile = new(this);
        Hcl = new(this);
        Evidence = new(this);
    }

    public PlaceTables Tables { get; }

    public RegistryFacts Facts { get; }

    public PlaceCollector Collector { get; }

    public ResourceFinder Resources { get; }

    public ArgumentFinder Arguments { get; }

    public JsonPatchFinder JsonPatch { get; }

    public EmbeddedFinder Embedded { get; }

    public KustomizeFinder Kustomize { get; }

    public ValuesFinder Values { get; }

    public DockerfileFinder Dockerfile { get; }

    public HclFinder Hcl { get; }

    public EvidenceFinder Evidence { get; }

    /// <summary>What the tables say of a mapping.</summary>
    public void Apply(ImmutableArray<PlacePath> paths, MappingNode root, Trail trail, PlaceKind kind = PlaceKind.Field)
    {
        foreach (var path in paths)
        {
            foreach (var (node, at) in path.Matches(root, trail))
            {
                Apply(path.Form, node, at, kind);
            }
        }
    }

    private bool IsNoImage(string? key, string text) =>
        !NamesRegistry(text) && (text.Contains("://", StringComparison.Ordinal) || Tables.Values.IsLookalike(key, text));

    private static bool NamesRegistry(string text) => ImageReference.TryParse(text, out var reference) && reference.WrittenHost.Length > 0;

    /// <summary><c>docker://IMAGE</c>, or <c>docker-image://IMAGE</c> (a build's contexts); nothing of other texts.</summary>
    public void AddUrl(PlaceKind kind, Trail trail, ScalarNode url)
    {
        foreach (var scheme in (ReadOnlySpan<string>)["docker://", "docker-image://"])
        {
            if (url.Value.Length > scheme.Length && url.Value.StartsWith(scheme, StringComparison.Ordinal))
            {
                Collector.Add(kind, trail, url, scheme.Length);
            }
        }
    }

    private void Apply(PlaceForm form, Node node, Trail trail, PlaceKind kind)
    {
        switch (form, node)
        {
            // A ConfigMap that is called after images may hold pictures.
            case (PlaceForm.Reference, ScalarNode picture) when kind == PlaceKind.ConfigMap && IsNoImage(trail.Key, picture.Value):
                break;
            case (PlaceForm.Reference, ScalarNode { IsNull: false } text):
                Collector.Add(kind, trail, text);
                break;
            // CloudFormation in JSON: {"Ref": "ImageParameter"}.
            case (PlaceForm.Reference, MappingNode { Entries.Count: 1 } pointer) when pointer.Find("Ref") is ScalarNode name:
                Collector.Add(kind, trail.At("Ref"), name, obstacle: Obstacle.Placeholder);
                break;
            case (PlaceForm.Tagged, ScalarNode tagged) when tagged.Value.AsSpan().ContainsAny(':', '/'):
                Collector.Add(kind, trail, tagged);
                break;
            case (PlaceForm.Values, MappingNode values):
                Values.Find(values, trail);
                break;
            case (PlaceForm.Named, ScalarNode named) when NamesRegistry(named.Value):
                Collector.Add(kind, trail, named);
                break;
            case (PlaceForm.DockerUrl, ScalarNode url):
                AddUrl(kind, trail, url);
                break;
            case (PlaceForm.KustomizeText, ScalarNode entry):
                // NAME=REFERENCE; without a name it is a reference whose own name is matched.
                Collector.Add(PlaceKind.NewName, trail, entry, entry.Value.IndexOf('=', StringComparison.Ordinal) + 1);
                break;
            case (PlaceForm.HelmParameters, SequenceNode parameters) when HelmSets.OfList(parameters) is { } set:
                Values.Find(set, trail);
                break;
            case (PlaceForm.HelmSets, MappingNode sets) when HelmSets.OfMap(sets) is { } set:
                Values.Find(set, trail);
                break;
            case (PlaceForm.Prefix, ScalarNode prefix):
                Collector.AddPrefix(kind, trail, prefix);
                break;
            case (PlaceForm.CompletedPrefix, ScalarNode prefix):
                Collector.AddPrefix(kind, trail, prefix, Obstacle.CompletedPrefix);
                break;
            case (PlaceForm.ConcourseResources, MappingNode pipeline):
                new ConcourseFinder(this).Find(pipeline, trail);
                break;
            case (PlaceForm.KustomizeImage, MappingNode image):
                Kustomize.FindImage(image, trail);
                break;
            case (PlaceForm.ValuesText or PlaceForm.ManifestsText or PlaceForm.ImagesText or PlaceForm.FieldsText or PlaceForm.DockerfileText, ScalarNode text):
                Embedded.Find(form, text, trail);
                break;
        }
    }
}
