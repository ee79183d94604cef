using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Kubernetes resources, patches of them, and documents that hold them: containers of every kind and image volumes wherever they
/// stand, and what the tables say of fields, arguments, variables, annotations and ConfigMaps.
/// </summary>
internal sealed class ResourceFinder(DocumentFinders finders)
{
    private const int MaxDepth = 256;

    private readonly HashSet<Node> aliased = [];
    private readonly ContainerFinder containers = new(finders);

    private PlaceTables Tables => finders.Tables;

    /// <summary>A resource: a mapping with apiVersion and kind.</summary>
    public void Find(MappingNode resource, Trail trail)
    {
        var (group, kind) = Identity(resource);
        if (Tables.IsIgnored(group, kind))
        {
            return;
        }

        if (group == KustomizeFinder.Group)
        {
            finders.Kustomize.Find(resource, trail);
        }

        foreach (var row in Tables.Resources)
        {
            if (row.Kind.Matches(group, kind))
            {
                finders.Apply(row.Places, resource, trail);
            }
        }

        if (group.Length == 0 && kind is "ConfigMap")
        {
            FindInConfigMap(resource, trail);
        }

        Walk(resource, trail, null, isResource: true);
    }

    /// <summary>An item of a list: a resource, something that holds some, or an operation of a patch.</summary>
    public void FindIn(Node node, Trail trail)
    {
        finders.JsonPatch.FindIn(node, trail);
        Walk(node, trail, null);
    }

    /// <summary>A document of unknown kind: a patch, or something that holds resources.</summary>
    public void FindParts(Node node, Trail trail) => Walk(node, trail, null, isResource: true);

    public static bool IsResource(MappingNode mapping) => mapping.Text("apiVersion") is { Length: > 0 } && mapping.Text("kind") is { Length: > 0 };

    private static (string Group, string Kind) Identity(MappingNode resource)
    {
        var version = resource.Text("apiVersion") ?? "";
        var slash = version.IndexOf('/', StringComparison.Ordinal);
        return (slash < 0 ? "" : version[..slash], resource.Text("kind") ?? "");
    }

    private void FindInConfigMap(MappingNode resource, Trail trail)
    {
        var metadata = resource.Find("metadata") as MappingNode;
        var name = metadata?.Text("name");
        var labels = metadata?.Find("labels") as MappingNode;
        foreach (var row in Tables.ConfigMaps)
        {
            if (row.Matches(name, labels))
            {
                finders.Apply(row.Places, resource, trail, PlaceKind.ConfigMap);
            }
        }

        if (resource.Find("data") is MappingNode data)
        {
            finders.Embedded.ReportValues(data, trail.At("data"));
        }
    }

    private void Walk(Node? node, Trail trail, MappingNode? podMetadata, bool isResource = false)
    {
        if (trail.Depth > MaxDepth || (node is AliasNode { Target: { } target } && !aliased.Add(target)))
        {
            return;
        }

        switch (node.Resolve())
        {
            case MappingNode mapping when !isResource && IsResource(mapping):
                Find(mapping, trail);
                break;
            case MappingNode mapping:
                WalkMapping(mapping, trail, mapping.Find("metadata") as MappingNode ?? podMetadata);
                break;
            case SequenceNode sequence:
                finders.JsonPatch.Find(sequence, trail);
                for (var i = 0; i < sequence.Items.Count; i++)
                {
                    Walk(sequence.Items[i], trail.At(i), podMetadata);
                }

                break;
            case ScalarNode scalar:
                finders.Embedded.FindManifests(scalar, trail);
                break;
        }
    }

    private void WalkMapping(MappingNode mapping, Trail trail, MappingNode? podMetadata)
    {
        foreach (var (key, value) in mapping.Entries)
        {
            var at = trail.At(key.Value);
            var sequence = value.Resolve() as SequenceNode;
            switch (key.Value)
            {
                // Annotations hold copies of manifests and prose: only what is named is read.
                case "metadata" or "annotations" or "labels":
                    FindAnnotations(value.Resolve() as MappingNode, at);
                    break;
                case "containers" or "initContainers" or "ephemeralContainers" when sequence is not null:
                    containers.Find(sequence, at, podMetadata);
                    Walk(value, at, podMetadata);
                    break;
                case "containerDisk" when value.Resolve() is MappingNode disk && disk.Find("image") is ScalarNode image:
                    finders.Collector.Add(PlaceKind.Field, at.At("image"), image);
                    break;
                // One container as a mapping, or a list of them by another name.
                case var name when IsContainerKey(name) && value.Resolve() is MappingNode container && container.Find("image") is ScalarNode image
                    && container.Find("name") is ScalarNode or null:
                    finders.Collector.Add(PlaceKind.Container, at.At("image"), image);
                    Walk(value, at, podMetadata);
                    break;
                case var name when sequence is not null && IsContainerListKey(name):
                    containers.Find(sequence, at, podMetadata);
                    Walk(value, at, podMetadata);
                    break;
                case var name when Tables.Modules.Contains(name) && value.Resolve() is MappingNode module && module.Find("image") is ScalarNode image:
                    finders.Collector.Add(PlaceKind.Field, at.At("image"), image);
                    Walk(value, at, podMetadata);
                    break;
                case var name when Tables.ImageModules.Contains(name) && value.Resolve() is MappingNode module && module.Find("name") is ScalarNode { IsNull: false } image:
                    FindImageModule(module, image, at);
                    break;
                // Of Flux and Argo CD, as in a kustomization.
                case "patch" when value.Resolve() is ScalarNode patch:
                    finders.Kustomize.FindPatch(patch, at);
                    Walk(value, at, podMetadata);
                    break;
                case "volumes" when sequence is not null:
                    containers.FindVolumes(sequence, at);
                    Walk(value, at, podMetadata);
                    break;
                case "env" when sequence is not null:
                    finders.Arguments.FindEnvironment(sequence, at);
                    Walk(value, at, podMetadata);
                    break;
                case var name when sequence is not null && Tables.ArgumentKeys.Contains(name):
                    finders.Arguments.FindArguments(sequence, at);
                    break;
                default:
                    Walk(value, at, podMetadata);
                    break;
            }
        }
    }

    // {name: redis, tag: 7, source: pull}; what is built, loaded or pushed has that name from here.
    private void FindImageModule(MappingNode module, ScalarNode image, Trail trail)
    {
        var isMade = module.Find("build") is not null || module.Find("path") is not null || module.Find("push") is ScalarNode { Value: "true" or "yes" or "True" }
            || module.Text("source") is "build" or "local" or "load";
        finders.Collector.Add(PlaceKind.Field, trail.At("name"), image, ReferenceSuffix.Of(module.Find("tag") as ScalarNode, null), isMade ? Obstacle.BuiltHere : null);
    }

    private static bool IsContainerKey(string key) => key is "container" or "initContainer" or "sidecar" or "mainContainer" or "sidecarContainer";

    private static bool IsContainerListKey(string key) =>
        key is "sidecars" or "init_containers" or "extraContainers" or "extraInitContainers" or "additionalContainers" or "sidecarContainers" or "sideCars";

    private void FindAnnotations(MappingNode? metadata, Trail trail)
    {
        var annotations = trail.Key == "annotations" ? metadata : metadata?.Find("annotations") as MappingNode;
        foreach (var (key, value) in annotations?.Entries ?? [])
        {
            if (Tables.Annotations.Contains(key.Value) && value.Resolve() is ScalarNode text)
            {
                finders.Collector.Add(PlaceKind.Annotation, trail.At(key.Value), text);
            }
        }
    }
}
