using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>Pods as API servers send them.</summary>
internal static class Pods
{
    public const string Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// <summary>A pod with one container for each image: <c>c0</c>, <c>c1</c>, ….</summary>
    public static JsonObject With(params string[] images) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Pod",
        ["metadata"] = new JsonObject { ["name"] = "web", ["namespace"] = "team-a" },
        ["spec"] = new JsonObject
        {
            ["containers"] = new JsonArray([.. images.Select((image, at) => Container($"c{at}", image))]),
            ["restartPolicy"] = "Always",
        },
    };

    public static JsonObject Container(string name, string? image) => new() { ["name"] = name, ["image"] = image };

    public static JsonObject Annotated(this JsonObject pod, params (string Key, string Value)[] annotations)
    {
        pod["metadata"]!["annotations"] = new JsonObject(annotations.Select(one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value)));
        return pod;
    }

    public static JsonObject Debugged(this JsonObject pod, params JsonObject[] containers)
    {
        pod["spec"]!["ephemeralContainers"] = new JsonArray([.. containers]);
        return pod;
    }

    public static string?[] Images(JsonNode pod, string list = "containers") => [.. pod["spec"]![list]!.AsArray().Select(container => (string?)container!["image"])];

    /// <summary>What an earlier name of each image the pod keeps.</summary>
    public static JsonObject? Originals(JsonNode pod) =>
        pod["metadata"]?["annotations"]?["millpond.dev/original-images"] is { } text ? JsonNode.Parse((string)text!)!.AsObject() : null;
}
