using System.Text;
using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>The annotation that keeps what images were called before: a JSON object by container. A second review adds to it.</summary>
internal static class Originals
{
    public const string Annotation = "millpond.dev/original-images";

    /// <summary>What Kubernetes lets all annotations of an object have together; a pod with more is refused.</summary>
    private const int LargestAnnotations = 256 * 1024;

    private const string Pointer = "/metadata/annotations";

    /// <summary>The operation that keeps the originals; null where the pod has no room for it.</summary>
    public static PatchOperation? Keep(JsonElement pod, IEnumerable<PodImage> images)
    {
        var hasAnnotations = PodImages.TryGetObject(pod, "metadata", out var metadata) & PodImages.TryGetObject(metadata, "annotations", out var annotations);
        if (!hasAnnotations && annotations.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null))
        {
            return null;
        }

        var kept = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var others = 0;
        if (hasAnnotations)
        {
            others = annotations.EnumerateObject().Where(one => !one.NameEquals(Annotation)).Sum(SizeOf);
            Read(PodImages.Text(annotations, Annotation), kept);
        }

        foreach (var image in images)
        {
            // The image as it is now is the one that is rewritten now, whatever the container had in an earlier review.
            kept[image.Owner] = image.Reference;
        }

        var value = JsonSerializer.Serialize(kept, AdmissionJson.Plain.SortedDictionaryStringString);
        if (others + Annotation.Length + Encoding.UTF8.GetByteCount(value) > LargestAnnotations)
        {
            return null;
        }

        return hasAnnotations
            ? PatchOperation.Add($"{Pointer}/{Annotation.Replace("/", "~1", StringComparison.Ordinal)}", value)
            : PatchOperation.Add(Pointer, new Dictionary<string, string> { [Annotation] = value });
    }

    private static int SizeOf(JsonProperty annotation) =>
        Encoding.UTF8.GetByteCount(annotation.Name) + (annotation.Value.ValueKind == JsonValueKind.String ? Encoding.UTF8.GetByteCount(annotation.Value.GetString()!) : 0);

    /// <summary>What an earlier review kept; somebody's own text under the same name is not ours to lose a pod over.</summary>
    private static void Read(string? text, SortedDictionary<string, string> kept)
    {
        try
        {
            foreach (var (owner, reference) in text is null ? [] : JsonSerializer.Deserialize(text, AdmissionJson.Plain.DictionaryStringString) ?? [])
            {
                kept[owner] = reference;
            }
        }
        catch (JsonException)
        {
            kept.Clear();
        }
    }
}
