using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Finders;

/// <summary>Registry keys that serve every image of a chart's values.</summary>
/// <param name="Overriding"><c>global.imageRegistry</c>: where it is set, templates take it before any other.</param>
/// <param name="Default">
/// <c>global.image.registry</c>: Grafana's charts take it before an image's own, ingress-nginx where an image has none.
/// </param>
/// <param name="Chart"><c>imageRegistry</c> (cert-manager) or <c>registry</c> (Datadog) at the root.</param>
/// <param name="Namespace"><c>imageNamespace</c> at the root (cert-manager).</param>
/// <param name="Hub"><c>global.hub</c> (Istio), for images that are named without a path.</param>
internal sealed record SharedRegistries(ScalarNode? Overriding, ScalarNode? Default, ScalarNode? Chart, ScalarNode? Namespace, ScalarNode? Hub)
{
    public static SharedRegistries Of(MappingNode values)
    {
        var global = values.Find("global") as MappingNode;
        return new SharedRegistries(
            Said(global?.Find("imageRegistry")),
            Said((global?.Find("image") as MappingNode)?.Find("registry")),
            Said(values.Find("imageRegistry")) ?? Host(values.Find("registry")),
            Said(values.Find("imageNamespace")),
            Said(global?.Find("hub")) ?? Host(values.Find("hub")));
    }

    // "registry: txt" is something else.
    private static ScalarNode? Host(Node? node) => Said(node) is { } text && text.Value.AsSpan().ContainsAny('.', ':') ? text : null;

    private static ScalarNode? Said(Node? node) => node is ScalarNode { IsNull: false, IsEmpty: false } text ? text : null;
}
