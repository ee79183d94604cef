using System.Collections.Immutable;
using System.Text.Json;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>
/// What a manifest refers to, read from its bytes, which stay as they are. Of a known media type only the fields that belong to it
/// are read, so that a document cannot be an index to one reader and an image to another.
/// </summary>
/// <param name="ArtifactType">As the referrers API shows it: an image manifest without one has its config's media type.</param>
/// <param name="Manifests">The children that are manifests; they may be missing.</param>
/// <param name="Blobs">Config and layers, in their order.</param>
public sealed record ManifestDocument(
    string MediaType, string? ArtifactType, Descriptor? Subject, ImmutableArray<Descriptor> Manifests, ImmutableArray<Descriptor> Blobs)
{
    public const string DockerManifest = ManifestTypes.DockerManifest;
    public const string DockerManifestList = ManifestTypes.DockerManifestList;
    public const string OciManifest = ManifestTypes.OciManifest;
    public const string OciIndex = ManifestTypes.OciIndex;
    public const string OciArtifact = ManifestTypes.OciArtifact;

    /// <summary>
    /// The children that belong wherever this manifest belongs, because a registry has checked that it holds them. Of foreign layers,
    /// the subject and the children of an unknown media type none has: whoever knows a digest could name it in a manifest of their own
    /// and read it through their repository.
    /// </summary>
    public IEnumerable<Descriptor> LinkedChildren =>
        KindOf(MediaType) == Kind.Unknown ? [] : Manifests.Concat(Blobs).Where(child => !child.IsForeign);

    private enum Kind
    {
        Unknown,
        Image,
        Index,
        Artifact,
    }

    /// <summary>Whether the media type says how the document is to be read.</summary>
    public static bool IsKnown(string? mediaType) => mediaType is not null && KindOf(mediaType) != Kind.Unknown;

    /// <summary>Reads a manifest; null where the bytes are no JSON object. Children without a digest or size are left out.</summary>
    /// <param name="mediaType">From the Content-Type, parameters are dropped; where empty, the document's own is taken.</param>
    public static ManifestDocument? TryParse(ReadOnlyMemory<byte> content, string mediaType)
    {
        using var json = ForeignJson.TryParse(content);
        return json?.RootElement.ValueKind == JsonValueKind.Object ? Read(json.RootElement, WithoutParameters(mediaType)) : null;
    }

    private static ManifestDocument Read(JsonElement json, string asked)
    {
        var mediaType = asked.Length > 0 ? asked : json.TextOf("mediaType") ?? "";
        var subject = json.TryGetProperty("subject", out var subjectJson) ? Descriptor.TryRead(subjectJson) : null;
        var ownType = json.TextOf("artifactType") is { Length: > 0 } text ? text : null;
        return KindOf(mediaType) switch
        {
            Kind.Image => new(mediaType, ownType ?? ConfigType(json), subject, [], [.. One(json, "config"), .. Many(json, "layers")]),
            Kind.Index => new(mediaType, ownType, subject, [.. Many(json, "manifests")], []),
            Kind.Artifact => new(mediaType, ownType, subject, [], [.. Many(json, "blobs")]),
            Kind.Unknown => ReadUnknown(json, mediaType, ownType, subject),
        };
    }

    /// <summary>A media type of the future: every descriptor at the top, alone or in a list, is a child.</summary>
    private static ManifestDocument ReadUnknown(JsonElement json, string mediaType, string? artifactType, Descriptor? subject)
    {
        var children = new List<Descriptor>();
        foreach (var property in json.EnumerateObject())
        {
            if (property.NameEquals("subject"))
            {
                continue;
            }

            // By its value and not by its name: looking each name up would take time by the square of their number.
            children.AddRange(Descriptors(property.Value));
        }

        return new(
            mediaType, artifactType ?? ConfigType(json), subject,
            [.. children.Where(child => KindOf(child.MediaType) != Kind.Unknown)],
            [.. children.Where(child => KindOf(child.MediaType) == Kind.Unknown)]);
    }

    private static Kind KindOf(string mediaType) => mediaType switch
    {
        DockerManifest or OciManifest => Kind.Image,
        DockerManifestList or OciIndex => Kind.Index,
        OciArtifact => Kind.Artifact,
        _ => Kind.Unknown,
    };

    private static string? ConfigType(JsonElement json) =>
        json.TryGetProperty("config", out var config) && config.ValueKind == JsonValueKind.Object
        && config.TextOf("mediaType") is { Length: > 0 } text ? text : null;

    private static IEnumerable<Descriptor> One(JsonElement json, string name) =>
        json.TryGetProperty(name, out var child) && child.ValueKind == JsonValueKind.Object ? Descriptors(child) : [];

    private static IEnumerable<Descriptor> Many(JsonElement json, string name) =>
        json.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? Descriptors(list) : [];

    /// <summary>A descriptor alone, or those of a list.</summary>
    private static IEnumerable<Descriptor> Descriptors(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Array => json.EnumerateArray().Select(Descriptor.TryRead).OfType<Descriptor>(),
        JsonValueKind.Object when Descriptor.TryRead(json) is { } one => [one],
        _ => [],
    };

    private static string WithoutParameters(string mediaType)
    {
        var end = mediaType.IndexOf(';');
        return (end < 0 ? mediaType : mediaType[..end]).Trim();
    }
}
