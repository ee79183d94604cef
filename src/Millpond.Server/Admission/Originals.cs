using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>The annotation that keeps what images were called before: a JSON object by container. A second review adds to it.</summary>
internal static class Originals
{
    public static IEnumerable<PatchOperation> Keep(JsonElement pod, IEnumerable<PodImage> images)
    {
        var hasAnnotations = PodImages.TryGetObject(pod, "metadata", out var metadata) & PodImages.TryGetObject(metadata, "annotations", out var annotations);
        var kept = hasAnnotations && PodImages.Text(annotations, PodReview.OriginalsAnnotation) is { } text ? Read(text) : [];
        foreach (var image in images)
        {
            kept.TryAdd(image.Owner, image.Reference);
        }

        var value = JsonSerializer.Serialize(kept, AdmissionJson.Default.SortedDictionaryStringString);
        if (hasAnnotations)
        {
            yield return PatchOperation.Add($"/metadata/annotations/{PodReview.OriginalsAnnotation.Replace("/", "~1", StringComparison.Ordinal)}", value);
        }
        else
        {
            yield return PatchOperation.Add("/metadata/annotations", new Dictionary<string, string> { [PodReview.OriginalsAnnotation] = value });
        }
    }

    /// <summary>What an earlier review kept; somebody's own text under the same name is not ours to lose a pod over.</summary>
    private static SortedDictionary<string, string> Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, AdmissionJson.Default.SortedDictionaryStringString) ?? [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
