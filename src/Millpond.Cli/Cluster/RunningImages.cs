using System.Text.Json;
using Millpond.Images;

namespace Millpond.Cli.Cluster;

/// <summary>What a Pod's containers really run, where that is another image than the one they name.</summary>
internal static class RunningImages
{
    private const string DockerPullable = "docker-pullable://";

    private static readonly (string Containers, string Statuses)[] Lists =
    [
        ("containers", "containerStatuses"), ("initContainers", "initContainerStatuses"), ("ephemeralContainers", "ephemeralContainerStatuses"),
    ];

    /// <summary>By the path of the container's image, the image that runs.</summary>
    public static Dictionary<string, string> Of(JsonElement pod)
    {
        var running = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!pod.TryGetProperty("spec", out var spec) || !pod.TryGetProperty("status", out var status))
        {
            return running;
        }

        foreach (var (containers, statuses) in Lists)
        {
            if (!spec.TryGetProperty(containers, out var list) || !status.TryGetProperty(statuses, out var known))
            {
                continue;
            }

            var ids = known.EnumerateArray()
                .DistinctBy(entry => Text(entry, "name"))
                .ToDictionary(entry => Text(entry, "name"), entry => Text(entry, "imageID"), StringComparer.Ordinal);
            foreach (var (index, container) in list.EnumerateArray().Index())
            {
                if (ids.TryGetValue(Text(container, "name"), out var id) && Other(Text(container, "image"), id) is { } other)
                {
                    running[$"spec.{containers}[{index}].image"] = other;
                }
            }
        }

        return running;
    }

    /// <summary>What runs, in its own words, where it comes from another repository or has another digest than asked for.</summary>
    private static string? Other(string asked, string imageId)
    {
        var id = imageId.StartsWith(DockerPullable, StringComparison.Ordinal) ? imageId[DockerPullable.Length..] : imageId;

        // A bare "sha256:…" is the configuration's digest, which no reference has.
        if (!ImageReference.TryParse(id, out var runs) || runs.Digest is null || !ImageReference.TryParse(asked, out var wanted))
        {
            return null;
        }

        var isSame = wanted.Domain == runs.Domain && wanted.Path == runs.Path && (wanted.Digest is null || wanted.Digest == runs.Digest);
        return isSame ? null : id;
    }

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";
}
