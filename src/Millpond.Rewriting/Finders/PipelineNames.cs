using Millpond.Rewriting.Nodes;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Finders;

/// <summary>
/// Names in pipelines that may be of what is built and pushed there, although their keys say image: what a step of a workflow is given, variables of a
/// file that pushes, the output of Tekton's build tasks. They are told, not changed.
/// </summary>
internal sealed class PipelineNames(Node root)
{
    private static readonly byte[][] Pushing =
    [
        [.. "docker push"u8], [.. "docker build"u8], [.. "podman push"u8], [.. "build-push"u8], [.. "--push"u8], [.. "kaniko"u8], [.. "buildah"u8], [.. "metadata-action"u8],
        [.. "--destination"u8], [.. "crane push"u8], [.. "skopeo copy"u8],
    ];

    private readonly bool isWorkflow = root is MappingNode workflow && ((workflow.Find("jobs") is not null && workflow.Find("on") is not null) || workflow.Find("runs") is not null);

    private readonly bool isTekton = root is MappingNode resource && resource.Text("apiVersion")?.StartsWith("tekton.dev/", StringComparison.Ordinal) == true;

    private readonly bool isResource = root is MappingNode mapping && ResourceFinder.IsResource(mapping);

    private bool? pushes;

    public bool Has(Trail trail, string name, bool isPinned, Layer layer) =>
        (isWorkflow && (trail.ParentKey is "env" or "with" || trail.Has("with")))
        || (isTekton && name is "IMAGE" or "APP_IMAGE")
        || (!isResource && !isPinned && trail.ParentKey is "variables" or "env" or "environment" && Pushes(layer));

    private bool Pushes(Layer layer)
    {
        if (pushes is null)
        {
            pushes = false;
            foreach (var sign in Pushing)
            {
                pushes |= layer.Bytes.Span.IndexOf(sign) >= 0;
            }
        }

        return pushes.Value;
    }
}
