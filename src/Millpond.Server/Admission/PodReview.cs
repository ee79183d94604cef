using System.Text.Json;
using Millpond.Images;

namespace Millpond.Server.Admission;

/// <summary>Reviews one request. Pure: no clock, no network, no state, so that callers cannot see each other.</summary>
internal sealed class PodReview(RewriteRules rules, ReviewScope scope, ObjectAudit? others = null)
{
    /// <summary>On a pod: <c>"false"</c> leaves it alone.</summary>
    public const string RewriteAnnotation = "millpond.dev/rewrite";

    /// <summary>On a pod: names of containers or volumes, by comma, that are left alone.</summary>
    public const string ExceptAnnotation = "millpond.dev/rewrite-except";

    /// <summary>The kubelet's copy of a static pod: a changed one is refused, and the pod vanishes from the API.</summary>
    public const string MirrorAnnotation = "kubernetes.io/config.mirror";

    public PodVerdict Decide(JsonElement request)
    {
        if (!PodImages.TryGetObject(request, "kind", out var kind) || PodImages.Text(kind, "kind") != "Pod" || PodImages.Text(kind, "group") is { Length: > 0 })
        {
            return LookAtOther(request) ?? PodVerdict.Skipped("not-a-pod");
        }

        if (!PodImages.TryGetObject(request, "object", out var pod))
        {
            return PodVerdict.Skipped("no-object");
        }

        if (!PodImages.TryGetObject(pod, "metadata", out var metadata))
        {
            return PodVerdict.Skipped("no-metadata");
        }

        if (WhyNot(request, metadata) is { } reason)
        {
            return PodVerdict.Skipped(reason);
        }

        return (PodImages.Text(request, "operation"), PodImages.Text(request, "subResource") ?? "") switch
        {
            ("CREATE", "") => Rewrite(PodImages.All(pod), pod, keepsOriginals: true),

            // An update of a pod's containers would restart them, and metadata is not stored through this subresource.
            ("UPDATE", "ephemeralcontainers") => Rewrite(PodImages.AddedEphemeral(pod, OldPod(request)), pod, keepsOriginals: false),
            _ => PodVerdict.Skipped("other-operation"),
        };
    }

    // An object of another kind comes only where the webhook is configured for it: it is looked at and never changed.
    private PodVerdict? LookAtOther(JsonElement request)
    {
        if (others is null
            || PodImages.Text(request, "operation") is not ("CREATE" or "UPDATE")
            || PodImages.Text(request, "subResource") is { Length: > 0 }
            || !PodImages.TryGetObject(request, "object", out var other))
        {
            return null;
        }

        PodImages.TryGetObject(other, "metadata", out var metadata);
        return WhyNot(request, metadata) is { } reason ? PodVerdict.Skipped(reason) : others.Look(other);
    }

    private static JsonElement OldPod(JsonElement request) => PodImages.TryGetObject(request, "oldObject", out var old) ? old : default;

    private string? WhyNot(JsonElement request, JsonElement metadata)
    {
        if (scope.Excludes(PodImages.Text(request, "namespace") ?? PodImages.Text(metadata, "namespace") ?? ""))
        {
            return "namespace-excluded";
        }

        if (!PodImages.TryGetObject(metadata, "annotations", out var annotations))
        {
            return null;
        }

        if (annotations.TryGetProperty(MirrorAnnotation, out _))
        {
            return "mirror-pod";
        }

        return PodImages.Text(annotations, RewriteAnnotation) == "false" ? "opted-out" : null;
    }

    private PodVerdict Rewrite(IEnumerable<PodImage> images, JsonElement pod, bool keepsOriginals)
    {
        var except = Exceptions(pod);
        var changed = new List<PodImage>();
        var patch = new List<PatchOperation>();
        var notes = new AuditNotes();
        foreach (var image in images)
        {
            if (WhyNot(image, except) is { } reason)
            {
                notes.Unchanged(image, reason);
                continue;
            }

            var result = rules.Rewrite(image.Reference);
            if (!result.IsChanged)
            {
                notes.Unchanged(image, result.Reason.Code());
                continue;
            }

            changed.Add(image);
            patch.Add(PatchOperation.Test(image.Pointer, image.Reference));
            patch.Add(PatchOperation.Replace(image.Pointer, result.Reference));
            notes.Rewritten(image, result);
        }

        if (changed.Count == 0)
        {
            return new PodVerdict(PodVerdict.Unchanged, [], notes.ToAnnotations());
        }

        if (keepsOriginals && Originals.Keep(pod, changed) is { } keep)
        {
            patch.Add(keep);
        }
        else if (keepsOriginals)
        {
            notes.OriginalsNotKept();
        }

        return new PodVerdict(PodVerdict.Rewritten, patch, notes.ToAnnotations());
    }

    private string? WhyNot(PodImage image, HashSet<string> except)
    {
        if (image.IsNeverPulled)
        {
            return "never-pulled";
        }

        if (except.Contains(image.Name))
        {
            return "opted-out";
        }

        return scope.IsOwnImage(image.Reference) ? "own-image" : null;
    }

    private static HashSet<string> Exceptions(JsonElement pod) =>
        PodImages.TryGetObject(pod, "metadata", out var metadata) && PodImages.TryGetObject(metadata, "annotations", out var annotations)
            && PodImages.Text(annotations, ExceptAnnotation) is { } names
                ? [.. names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)]
                : [];
}
