using System.Text.Json;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>What a manifest says of one of its children.</summary>
/// <param name="MediaType">Empty where the manifest leaves it out.</param>
/// <param name="Platform"><c>os/architecture[/variant]</c>.</param>
/// <param name="IsForeign">
/// The bytes may be elsewhere than in the registry: the descriptor has <c>urls</c>, or a media type that says so. Registries do not
/// check that they hold such a child.
/// </param>
public sealed record Descriptor(string MediaType, Digest Digest, long Size, string? Platform, bool IsForeign)
{
    private const string DockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.";
    private const string OciForeignLayer = "application/vnd.oci.image.layer.nondistributable.";

    /// <summary>Reads a descriptor; null where its digest or size is none.</summary>
    internal static Descriptor? TryRead(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object
            || !Digest.TryParse(json.TextOf("digest"), out var digest)
            || !json.TryGetProperty("size", out var sizeJson)
            || sizeJson.ValueKind != JsonValueKind.Number
            || !sizeJson.TryGetInt64(out var size)
            || size < 0)
        {
            return null;
        }

        var mediaType = json.TextOf("mediaType") ?? "";
        return new(mediaType, digest, size, PlatformOf(json), IsForeignLayer(json, mediaType));
    }

    private static string? PlatformOf(JsonElement json)
    {
        if (!json.TryGetProperty("platform", out var platform) || platform.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var (os, architecture) = (platform.TextOf("os"), platform.TextOf("architecture"));
        if (string.IsNullOrEmpty(os) || string.IsNullOrEmpty(architecture))
        {
            return null;
        }

        var variant = platform.TextOf("variant");
        return string.IsNullOrEmpty(variant) ? $"{os}/{architecture}" : $"{os}/{architecture}/{variant}";
    }

    private static bool IsForeignLayer(JsonElement json, string mediaType) =>
        json.TryGetProperty("urls", out var urls) && urls.ValueKind == JsonValueKind.Array && urls.GetArrayLength() > 0
        || mediaType.StartsWith(DockerForeignLayer, StringComparison.Ordinal)
        || mediaType.StartsWith(OciForeignLayer, StringComparison.Ordinal);
}
