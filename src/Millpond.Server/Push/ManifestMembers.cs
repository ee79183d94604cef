using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Server.Push;

/// <summary>
/// Whether a manifest of a known media type has what belongs to that type, and nothing of another's: what one reader takes for an image and another
/// for an index shows each of them something else under one digest. What no reader knows is kept as it is.
/// </summary>
internal static class ManifestMembers
{
    private const int SchemaVersion = 2;

    public static PushFailure? Check(JsonElement json, string mediaType)
    {
        var (needed, lists, foreign) = mediaType switch
        {
            ManifestTypes.DockerManifest or ManifestTypes.OciManifest => ("config", new[] { "layers" }, new[] { "manifests" }),
            ManifestTypes.DockerManifestList or ManifestTypes.OciIndex => (null, ["manifests"], ["layers", "config"]),
            ManifestTypes.OciArtifact => (null, ["blobs"], ["manifests", "layers"]),
            _ => (null, Array.Empty<string>(), Array.Empty<string>()),
        };
        if (foreign.FirstOrDefault(name => Find(json, name) is not null) is { } strange)
        {
            return ManifestPush.Invalid($"it is a {mediaType}, and has '{strange}'");
        }

        if (lists.Length > 0 && Find(json, "schemaVersion") is { } version && (version.ValueKind != JsonValueKind.Number || !version.TryGetInt32(out var number) || number != SchemaVersion))
        {
            return ManifestPush.Invalid("its schemaVersion is not 2");
        }

        if (needed is not null && (Find(json, needed) is not { } one || Descriptor.TryRead(one) is null))
        {
            return ManifestPush.Invalid($"its '{needed}' is missing, or lacks a digest or size");
        }

        return lists.Select(name => CheckList(json, name)).FirstOrDefault(failure => failure is not null) ?? CheckSubject(json);
    }

    private static PushFailure? CheckList(JsonElement json, string name)
    {
        if (Find(json, name) is not { } list)
        {
            return null;
        }

        return list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(static one => Descriptor.TryRead(one) is not null)
            ? null
            : ManifestPush.Invalid($"its '{name}' must be a list in which each has a digest and a size");
    }

    private static PushFailure? CheckSubject(JsonElement json) => Find(json, "subject") is { } subject && Descriptor.TryRead(subject) is null
        ? ManifestPush.Invalid("its 'subject' lacks a digest or size")
        : null;

    /// <summary>Go writes what is absent as null.</summary>
    private static JsonElement? Find(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
