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

    private const string Unspecific = "application/octet-stream";

    public static ManifestHead ReadHead(HttpResponseMessage response, string reference, string who)
    {
        var mediaType = MediaTypeOf(response) ?? Unspecific;
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
        var digest = Verify(content, reference, DigestHeader(response), who);
        var (isObject, ownMediaType, schemaVersion) = Glance(content);
        var mediaType = MediaTypeOf(response) is { } told && !IsGeneric(told) ? told : ownMediaType ?? MediaTypeOf(response) ?? Unspecific;
        RefuseSchema1(IsSchema1(mediaType) || ownMediaType is null && schemaVersion == 1, reference, who);
        if (!isObject && !Digest.TryParse(reference, out _))
        {
            // A login page or a captive portal answers 200 as well, and a tag's content has no digest to fail by.
            throw Bad($"{who} answered with something that is no manifest ({Words.Quote(mediaType, 60)})");
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

    private static (bool IsObject, string? MediaType, int? SchemaVersion) Glance(byte[] content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return default;
            }

            var mediaType = root.TryGetProperty("mediaType", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;
            int? version = root.TryGetProperty("schemaVersion", out var schema) && schema.ValueKind == JsonValueKind.Number && schema.TryGetInt32(out var number)
                ? number
                : null;
            return (true, mediaType is { Length: > 0 and <= 255 } && mediaType.All(c => c is > ' ' and < '\u007f') ? mediaType : null, version);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private static bool IsGeneric(string mediaType) =>
        mediaType.ToLowerInvariant() is "application/json" or "text/json" or "text/plain" or "application/octet-stream" or "binary/octet-stream";

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
