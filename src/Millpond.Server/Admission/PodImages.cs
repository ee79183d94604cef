using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>An image in a pod: where it is as a JSON pointer, whose it is, and what it says.</summary>
/// <param name="Pointer">RFC 6901, into the reviewed object.</param>
/// <param name="Owner">For people and annotations: <c>containers/app</c>, <c>volumes/models</c>.</param>
/// <param name="Name">The container's or volume's own name.</param>
/// <param name="IsNeverPulled">Its pull policy is Never: it must be on the node under this very name.</param>
internal readonly record struct PodImage(string Pointer, string Owner, string Name, string Reference, bool IsNeverPulled);

/// <summary>
/// Finds the images of a pod in its raw JSON: every kind of container, and image volumes. Never through a typed model, which would
/// lose the fields it does not know.
/// </summary>
internal static class PodImages
{
    private const string Never = "Never";

    private static readonly string[] ContainerLists = ["containers", "initContainers", "ephemeralContainers"];

    /// <summary>All images of a pod that is made.</summary>
    public static IEnumerable<PodImage> All(JsonElement pod)
    {
        if (!TryGetObject(pod, "spec", out var spec))
        {
            yield break;
        }

        foreach (var list in ContainerLists)
        {
            foreach (var image in Containers(spec, list))
            {
                yield return image;
            }
        }

        foreach (var image in Volumes(spec))
        {
            yield return image;
        }
    }

    /// <summary>The ephemeral containers that an update adds: those of the old pod run already and cannot be changed.</summary>
    public static IEnumerable<PodImage> AddedEphemeral(JsonElement pod, JsonElement oldPod)
    {
        if (!TryGetObject(pod, "spec", out var spec))
        {
            return [];
        }

        var running = TryGetObject(oldPod, "spec", out var oldSpec)
            ? Containers(oldSpec, "ephemeralContainers").Select(static image => image.Name).ToHashSet(StringComparer.Ordinal)
            : [];
        return Containers(spec, "ephemeralContainers").Where(image => !running.Contains(image.Name));
    }

    public static bool TryGetObject(JsonElement parent, string name, out JsonElement value)
    {
        value = default;
        return parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out value) && value.ValueKind == JsonValueKind.Object;
    }

    public static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static IEnumerable<PodImage> Containers(JsonElement spec, string list)
    {
        var index = 0;
        foreach (var container in Items(spec, list))
        {
            if (Text(container, "image") is { Length: > 0 } image)
            {
                var name = Text(container, "name") ?? "";
                yield return new PodImage($"/spec/{list}/{index}/image", $"{list}/{name}", name, image, Text(container, "imagePullPolicy") == Never);
            }

            index++;
        }
    }

    private static IEnumerable<PodImage> Volumes(JsonElement spec)
    {
        var index = 0;
        foreach (var volume in Items(spec, "volumes"))
        {
            if (TryGetObject(volume, "image", out var image) && Text(image, "reference") is { Length: > 0 } reference)
            {
                var name = Text(volume, "name") ?? "";
                yield return new PodImage($"/spec/volumes/{index}/image/reference", $"volumes/{name}", name, reference, Text(image, "pullPolicy") == Never);
            }

            index++;
        }
    }

    private static IEnumerable<JsonElement> Items(JsonElement spec, string list)
    {
        if (spec.TryGetProperty(list, out var items) && items.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in items.EnumerateArray())
            {
                yield return item;
            }
        }
    }
}
