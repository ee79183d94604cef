using System.Text.Json;
using Millpond.Images;

namespace Millpond.Server.Admission;

/// <summary>What a review decides. Every decision allows the pod: the cache is an optimisation, and a refused pod is an outage.</summary>
/// <param name="Result">For the metric: rewritten, unchanged, or why nothing was looked at.</param>
/// <param name="Patch">The JSON patch; empty where nothing changes.</param>
/// <param name="Audit">Annotations for the API server's audit log: which images, and why not.</param>
internal sealed record PodVerdict(string Result, IReadOnlyList<PatchOperation> Patch, IReadOnlyDictionary<string, string> Audit)
{
    public static PodVerdict Skipped(string result) => new(result, [], new Dictionary<string, string> { ["skipped"] = result });
}

/// <summary>Reviews one request. Pure: no clock, no network, no state, so that callers cannot see each other.</summary>
internal sealed class PodReview(RewriteRules rules, AdmissionOptions options)
{
    /// <summary>Keeps the originals, by container, as a JSON object.</summary>
    public const string OriginalsAnnotation = "millpond.dev/original-images";

    /// <summary>On a pod: <c>"false"</c> leaves it alone.</summary>
    public const string RewriteAnnotation = "millpond.dev/rewrite";

    /// <summary>On a pod: names of containers or volumes, by comma, that are left alone.</summary>
    public const string ExceptAnnotation = "millpond.dev/rewrite-except";

    /// <summary>The kubelet's copy of a static pod: a changed one is refused, and the pod vanishes from the API.</summary>
    private const string MirrorAnnotation = "kubernetes.io/config.mirror";

    /// <summary>Audit values are for people; a pod of hundreds of containers need not fill the log.</summary>
    private const int LongestAudit = 4096;

    public PodVerdict Decide(JsonElement request)
    {
        if (!PodImages.TryGetObject(request, "kind", out var kind) || PodImages.Text(kind, "kind") != "Pod" || (PodImages.Text(kind, "group") ?? "").Length > 0)
        {
            return PodVerdict.Skipped("not-a-pod");
        }

        if (!PodImages.TryGetObject(request, "object", out var pod))
        {
            return PodVerdict.Skipped("no-object");
        }

        var subresource = PodImages.Text(request, "subResource") ?? "";
        return (PodImages.Text(request, "operation"), subresource) switch
        {
            _ when WhyNot(request, pod) is { } reason => PodVerdict.Skipped(reason),
            ("CREATE", "") => Rewrite(PodImages.All(pod), pod, keepsOriginals: true),

            // An update of a pod's containers would restart them, and metadata is not stored through this subresource.
            ("UPDATE", "ephemeralcontainers") => Rewrite(PodImages.AddedEphemeral(pod, OldPod(request)), pod, keepsOriginals: false),
            _ => PodVerdict.Skipped("other-operation"),
        };
    }

    private static JsonElement OldPod(JsonElement request) => PodImages.TryGetObject(request, "oldObject", out var old) ? old : default;

    private string? WhyNot(JsonElement request, JsonElement pod)
    {
        var hasMetadata = PodImages.TryGetObject(pod, "metadata", out var metadata);
        var space = PodImages.Text(request, "namespace") ?? (hasMetadata ? PodImages.Text(metadata, "namespace") : null) ?? "";
        if (options.ExcludedNamespaces.Contains(space))
        {
            return "namespace-excluded";
        }

        if (!hasMetadata)
        {
            return "no-metadata";
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
        var changed = new List<(PodImage Image, string Reference)>();
        var unchanged = new List<string>();
        foreach (var image in images)
        {
            if (image.IsNeverPulled || except.Contains(image.Name) || options.IsOwnImage(image.Reference))
            {
                unchanged.Add($"{image.Owner}={(image.IsNeverPulled ? "never-pulled" : except.Contains(image.Name) ? "opted-out" : "own-image")}");
                continue;
            }

            var result = rules.Rewrite(image.Reference);
            if (result.IsChanged)
            {
                changed.Add((image, result.Reference));
            }
            else
            {
                unchanged.Add($"{image.Owner}={result.Reason.Code()}");
            }
        }

        var audit = new Dictionary<string, string>();
        Note(audit, "rewritten", changed.Select(static change => $"{change.Image.Owner}={change.Image.Reference}->{change.Reference}"));
        Note(audit, "unchanged", unchanged);
        if (changed.Count == 0)
        {
            return new PodVerdict("unchanged", [], audit);
        }

        var patch = new List<PatchOperation>();
        foreach (var (image, reference) in changed)
        {
            patch.Add(PatchOperation.Test(image.Pointer, image.Reference));
            patch.Add(PatchOperation.Replace(image.Pointer, reference));
        }

        if (keepsOriginals)
        {
            patch.AddRange(Originals.Keep(pod, changed.Select(static change => change.Image)));
        }

        return new PodVerdict("rewritten", patch, audit);
    }

    private static HashSet<string> Exceptions(JsonElement pod) =>
        PodImages.TryGetObject(pod, "metadata", out var metadata) && PodImages.TryGetObject(metadata, "annotations", out var annotations)
            && PodImages.Text(annotations, ExceptAnnotation) is { } names
                ? [.. names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)]
                : [];

    private static void Note(Dictionary<string, string> audit, string key, IEnumerable<string> values)
    {
        var text = string.Join(", ", values);
        if (text.Length > 0)
        {
            audit[key] = text.Length <= LongestAudit ? text : string.Concat(text.AsSpan(0, LongestAudit), "…");
        }
    }
}
