using System.Collections.Immutable;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>The finders of one document: they share its places and call one another where formats are nested.</summary>
internal sealed class DocumentFinders
{
    public DocumentFinders(PlaceTables tables, RegistryMeaning meaning)
    {
        Tables = tables;
        Resources = new(this);
        Arguments = new(this);
        JsonPatch = new(this);
        Embedded = new(this);
        Kustomize = new(this);
        Values = new(this, meaning);
        Dockerfile = new(this);
        Hcl = new(this);
    }

    public PlaceTables Tables { get; }

    public PlaceCollector Collector { get; } = new();

    public ResourceFinder Resources { get; }

    public ArgumentFinder Arguments { get; }

    public JsonPatchFinder JsonPatch { get; }

    public EmbeddedFinder Embedded { get; }

    public KustomizeFinder Kustomize { get; }

    public ValuesFinder Values { get; }

    public DockerfileFinder Dockerfile { get; }

    public HclFinder Hcl { get; }

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

    private void Apply(PlaceForm form, Node node, Trail trail, PlaceKind kind)
    {
        switch (form, node)
        {
            case (PlaceForm.Reference, ScalarNode { IsNull: false } text):
                Collector.Add(kind, trail, text);
                break;
            case (PlaceForm.Values, MappingNode values):
                Values.Find(values, trail);
                break;
            case (PlaceForm.KustomizeImage, MappingNode image):
                Kustomize.FindImage(image, trail);
                break;
            case (PlaceForm.ValuesText or PlaceForm.ManifestsText or PlaceForm.ImagesText or PlaceForm.DockerfileText, ScalarNode text):
                Embedded.Find(form, text, trail);
                break;
        }
    }
}

/// <summary>
/// Which registry a registry's text means: <c>docker.io</c> for <c>cache.example.com/docker-hub</c>, itself for any other. Two keys
/// that mean the same registry stay the same when one of them has already been rewritten.
/// </summary>
internal delegate string RegistryMeaning(string registry);
