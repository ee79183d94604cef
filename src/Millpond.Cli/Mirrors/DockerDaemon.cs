using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Millpond.Cli.Mirrors;

/// <summary>
/// docker's <c>daemon.json</c>: the cache becomes the first of <c>registry-mirrors</c>, all else is kept. docker uses mirrors for Docker
/// Hub alone, names no registry in its requests, and always falls back to Docker Hub.
/// </summary>
internal static class DockerDaemon
{
    private const string Mirrors = "registry-mirrors";
    private const string Insecure = "insecure-registries";

    private static readonly JsonSerializerOptions Style =
        new() { WriteIndented = true, IndentSize = 2, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file with the cache in it; false where it is no JSON object, or a list in it is none.</summary>
    public static bool TryAdd(string? before, MirrorSettings settings, [NotNullWhen(true)] out string? after)
    {
        after = null;
        if (!TryRead(before, out var daemon)
            || !TryAddFirst(daemon, Mirrors, settings.Origin)
            || (settings.SkipVerify && !TryAddFirst(daemon, Insecure, settings.Server.Authority)))
        {
            return false;
        }

        after = daemon.ToJsonString(Style) + "\n";
        return true;
    }

    /// <summary>A file that was edited since, without the cache; what else was written there stays.</summary>
    public static bool TryTakeOut(string edited, string origin, [NotNullWhen(true)] out string? after)
    {
        after = null;
        if (!TryRead(edited, out var daemon))
        {
            return false;
        }

        TakeOut(daemon, Mirrors, origin);
        TakeOut(daemon, Insecure, new Uri(origin).Authority);
        after = daemon.ToJsonString(Style) + "\n";
        return true;
    }

    private static bool TryRead(string? text, [NotNullWhen(true)] out JsonObject? daemon)
    {
        daemon = null;
        if (string.IsNullOrWhiteSpace(text))
        {
            daemon = [];
            return true;
        }

        try
        {
            daemon = JsonNode.Parse(text) as JsonObject;
            return daemon is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool TryAddFirst(JsonObject daemon, string key, string value)
    {
        if (daemon[key] is null)
        {
            daemon[key] = new JsonArray(value);
            return true;
        }

        if (daemon[key] is not JsonArray list)
        {
            return false;
        }

        if (!list.Any(item => Is(item, value)))
        {
            list.Insert(0, value);
        }

        return true;
    }

    private static void TakeOut(JsonObject daemon, string key, string value)
    {
        if (daemon[key] is JsonArray list && list.FirstOrDefault(item => Is(item, value)) is { } found)
        {
            list.Remove(found);
            if (list.Count == 0)
            {
                daemon.Remove(key);
            }
        }
    }

    private static bool Is(JsonNode? item, string value) =>
        item is JsonValue text && text.TryGetValue<string>(out var mirror) && mirror.TrimEnd('/') == value;
}
