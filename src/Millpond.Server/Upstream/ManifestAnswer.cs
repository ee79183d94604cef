using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>Reads and verifies an upstream's answer to a question for a manifest.</summary>
internal static class ManifestAnswer
{
    /// <summary>The longest manifest; the distribution spec's advice, and what clients take.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>
    /// Always the same list, whatever a client would take: the bytes are for all of them. Schema 1 is in it to be told from absence, the
    /// wildcard for manifests of types that do not exist yet.
    /// </summary>
    public const string Accept =
        "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
        + "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, "
        + "application/vnd.oci.artifact.manifest.v1+json, "
        + "application/vnd.docker.distribution.manifest.v1+prettyjws, application/vnd.docker.distribution.manifest.v1+json, */*";

    public static ManifestHead ReadHead(HttpResponseMessage response, string reference, string who)
    {
        var mediaType = MediaTypeOf(response) ?? ManifestTypes.Unknown;
        RefuseSchema1(IsSchema1(mediaType), reference, who);
        var digest = DigestHeader(response);
        if (digest is { } told && Digest.TryParse(reference, out var asked) && told.Algorithm == asked.Algorithm && told != asked)
        {
            throw Bad($"{who} was asked for {asked} and answered {told}");
        }

        return new ManifestHead(digest, mediaType, IsEncoded(response) ? null : response.Content.Headers.ContentLength);
    }

    public static async Task<ManifestBody> ReadBodyAsync(HttpResponseMessage response, string reference, string who, CancellationToken cancellationToken)
    {
        if (IsEncoded(response))
        {
            throw Bad($"{who} sent the manifest compressed although it was asked not to");
        }

        var content = await BoundedBody.ReadAsync(response, MaxBytes, cancellationToken)
            ?? throw Bad($"the manifest {reference} at {who} is larger than the limit of {MaxBytes / (1024 * 1024)} MiB");
        var told = DigestHeader(response);
        var digest = Verify(content, reference, told, who);
        using var document = ForeignJson.TryParse(content);
        var json = document?.RootElement ?? default;
        var ownMediaType = json.TextOf("mediaType") is { Length: > 0 and <= 255 } own && own.All(c => c is > ' ' and < '\u007f') ? own : null;
        var mediaType = TypeOf(response, ownMediaType, json);
        RefuseSchema1(IsSchema1(mediaType) || ownMediaType is null && SchemaVersion(json) == 1, reference, who);
        if (!ManifestTypes.IsManifest(json) && !(told is not null && ManifestTypes.IsManifestType(mediaType)) && !Digest.TryParse(reference, out _))
        {
            // A login page, an error or a captive portal answers 200 as well, and a tag's content has no digest to fail by.
            throw Bad($"{who} answered with something that is no manifest ({MediaTypeOf(response) ?? "of no type"})");
        }

        return new ManifestBody(digest, mediaType, ownMediaType, content);
    }

    /// <summary>Whether a response is encoded in spite of <c>Accept-Encoding: identity</c>.</summary>
    public static bool IsEncoded(HttpResponseMessage response) =>
        response.Content.Headers.NonValidated.TryGetValues("Content-Encoding", out var values)
        && values.Any(value => value.Trim() is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase));

    /// <summary>The media type without its parameters; null where none is told.</summary>
    public static string? MediaTypeOf(HttpResponseMessage response) =>
        response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var values)
        && values.FirstOrDefault()?.Split(';')[0].Trim() is { Length: > 0 and <= 255 } mediaType
        && !mediaType.Any(c => c is <= ' ' or >= '\u007f')
            ? mediaType
            : null;

    private static Digest Verify(byte[] content, string reference, Digest? told, string who)
    {
        if (told is { } header && header.Rehash(content) is var found && found != header)
        {
            throw Bad($"{who} says its manifest {reference} has the digest {header}, and sent bytes with {found}");
        }

        if (!Digest.TryParse(reference, out var asked))
        {
            return told ?? Digest.Sha256(content);
        }

        return asked.Rehash(content) is var real && real == asked
            ? asked
            : throw Bad($"{who} was asked for {asked} and sent bytes with {real}");
    }

    // A digest of an algorithm that is not known here is no lie.
    private static Digest? DigestHeader(HttpResponseMessage response) =>
        response.Headers.NonValidated.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault()?.Trim(), out var digest)
            ? digest
            : null;

    /// <summary>The upstream's word where it is one of a manifest, else the document's own, else what its members say.</summary>
    private static string TypeOf(HttpResponseMessage response, string? own, JsonElement json) =>
        MediaTypeOf(response) is { } told && ManifestTypes.IsManifestType(told) ? told
        : ManifestTypes.IsManifestType(own) ? own!
        : ManifestTypes.OfMembers(json) ?? ManifestTypes.Unknown;

    private static int? SchemaVersion(JsonElement json) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty("schemaVersion", out var schema)
        && schema.ValueKind == JsonValueKind.Number && schema.TryGetInt32(out var number)
            ? number
            : null;

    private static bool IsSchema1(string mediaType) => mediaType.ToLowerInvariant()
        is "application/vnd.docker.distribution.manifest.v1+json" or "application/vnd.docker.distribution.manifest.v1+prettyjws";

    private static void RefuseSchema1(bool isSchema1, string reference, string who)
    {
        if (isSchema1)
        {
            throw new UpstreamException(
                UpstreamOutcome.NotFound,
                $"{who} has {reference} only as a schema 1 manifest, which no current client takes; push the image again with a current tool");
        }
    }

    private static UpstreamException Bad(string reason) => new(UpstreamOutcome.BadAnswer, reason);
}
