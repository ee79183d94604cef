using System.Buffers;
using System.Text.Json;

namespace Millpond.Images;

/// <summary>The media types of manifests: which are known, which a document has by its members, and which may be said to a client.</summary>
public static class ManifestTypes
{
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";

    /// <summary>Of a document that nothing is known of.</summary>
    public const string Unknown = "application/octet-stream";

    private const int MaxLength = 255;

    private static readonly SearchValues<char> InTypes = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/.+-_");

    /// <summary>
    /// Whether a type is one of the registered vendors' (<c>application/vnd.…</c>), as those of all manifests are, also of ones to come. What an
    /// upstream says beside that, <c>text/html</c> for one, is passed on to nobody: a browser would run it as this server's.
    /// </summary>
    public static bool IsManifestType(string? mediaType) =>
        mediaType is { Length: <= MaxLength }
        && mediaType.StartsWith("application/vnd.", StringComparison.OrdinalIgnoreCase)
        && !mediaType.AsSpan().ContainsAnyExcept(InTypes)
        && mediaType.AsSpan().Count('/') == 1;

    /// <summary>What a client is told of a stored manifest.</summary>
    public static string ForClients(string mediaType) => IsManifestType(mediaType) ? mediaType : Unknown;

    /// <summary>The type of a document that does not say its own, by the members that one kind alone has; null where there are none.</summary>
    public static string? OfMembers(JsonElement json)
    {
        if (Has(json, "manifests", JsonValueKind.Array))
        {
            return FirstType(json.GetProperty("manifests")) is DockerManifest or DockerManifestList ? DockerManifestList : OciIndex;
        }

        if (Has(json, "layers", JsonValueKind.Array) && Has(json, "config", JsonValueKind.Object))
        {
            var config = json.GetProperty("config").TextOf("mediaType");
            return config?.StartsWith("application/vnd.docker.", StringComparison.Ordinal) == true ? DockerManifest : OciManifest;
        }

        return Has(json, "blobs", JsonValueKind.Array) ? OciArtifact : null;
    }

    /// <summary>
    /// Whether a document can be a manifest at all. An error, a status or an empty object that comes with 200 is none, and a tag's content has
    /// no digest that it would fail by.
    /// </summary>
    public static bool IsManifest(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object
        && !Has(json, "errors", JsonValueKind.Array)
        && (Has(json, "schemaVersion", JsonValueKind.Number) || IsManifestType(json.TextOf("mediaType")) || OfMembers(json) is not null);

    /// <summary>Whether a document is a list of manifests, as indexes and referrers are; Go writes an empty one as null.</summary>
    public static bool IsIndex(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object
        && !Has(json, "errors", JsonValueKind.Array)
        && (Has(json, "manifests", JsonValueKind.Array) || Has(json, "manifests", JsonValueKind.Null));

    private static bool Has(JsonElement json, string name, JsonValueKind kind) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == kind;

    private static string? FirstType(JsonElement manifests) => manifests.GetArrayLength() == 0 ? null : manifests[0].TextOf("mediaType");
}
