using Millpond.Images;
using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Scanning;

namespace Millpond.Rewriting.Finders;

/// <summary>Registry keys that serve every image of a chart's values.</summary>
/// <param name="Overriding"><c>global.imageRegistry</c>: where it is set, templates take it before any other.</param>
/// <param name="Default">
/// <c>global.image.registry</c>: Grafana's charts take it before an image's own, ingress-nginx where an image has none.
/// </param>
/// <param name="Chart"><c>imageRegistry</c> (cert-manager), <c>registry</c> (Datadog) or <c>defaultImageRegistry</c> (Strimzi) at the root.</param>
/// <param name="Namespace"><c>imageNamespace</c> (cert-manager) or <c>defaultImageRepository</c> (Strimzi) at the root.</param>
/// <param name="Fallback"><c>defaultImageRegistry</c> at the root or under <c>global</c>: for images whose own registry is empty.</param>
/// <param name="Hub"><c>global.hub</c> (Istio), for images that are named without a path.</param>
/// <param name="Lead"><c>repository</c> at the root that is only a host (Fission), for every <c>image</c>.</param>
internal sealed record SharedRegistries(
    ScalarNode? Overriding, ScalarNode? Default, ScalarNode? Chart, ScalarNode? Namespace, ScalarNode? Hub, ScalarNode? Fallback, ScalarNode? Lead)
{
    /// <param name="values">The values.</param>
    /// <param name="facts">Tells a registry's host.</param>
    public static SharedRegistries Of(MappingNode values, RegistryFacts facts)
    {
        var global = values.Find("global") as MappingNode;
        var fallback = Host(values.Find("defaultImageRegistry")) ?? Host(global?.Find("defaultImageRegistry"));
        return new SharedRegistries(
            Said(global?.Find("imageRegistry")),
            Said((global?.Find("image") as MappingNode)?.Find("registry")),
            Said(values.Find("imageRegistry")) ?? Host(values.Find("registry")) ?? fallback,
            Said(values.Find("imageNamespace")) ?? (fallback is null ? null : Said(values.Find("defaultImageRepository")) ?? Said(global?.Find("defaultImageRepository"))),
            Said(global?.Find("hub")) ?? Host(values.Find("hub")),
            fallback,
            Said(values.Find("repository")) is { } lead && IsRegistry(lead.Value, facts) ? lead : null);
    }

    // A host and no more, or what has become of one.
    private static bool IsRegistry(string text, RegistryFacts facts) =>
        facts.KindOf(text) == HostKind.Registry
        || (ImageReference.TryParse(text + "/any", out var reference) && reference.WrittenHost.Length > 0 && facts.MeaningOf(text) != UpstreamHosts.Normalise(reference.Domain));

    // "registry: txt" is something else.
    private static ScalarNode? Host(Node? node) => Said(node) is { } text && text.Value.AsSpan().ContainsAny('.', ':') ? text : null;

    private static ScalarNode? Said(Node? node) => node is ScalarNode { IsNull: false, IsEmpty: false } text ? text : null;
}
