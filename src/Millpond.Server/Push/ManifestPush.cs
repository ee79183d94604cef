using System.Text.Json;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;

namespace Millpond.Server.Push;

/// <summary>A manifest that was kept.</summary>
/// <param name="Subject">What it refers to, where it does.</param>
public sealed record PushedManifest(Digest Digest, Digest? Subject);

/// <summary>Manifests on their way into a repository: what may be one, and what it must not lack.</summary>
public sealed partial class ManifestPush
{
    /// <summary>The largest manifest, as for those that are pulled.</summary>
    public const int LargestManifest = 4 * 1024 * 1024;

    private const string Schema1 = "application/vnd.docker.distribution.manifest.v1+";

    private readonly CatalogDatabase catalog;
    private readonly PushConfiguration configuration;
    private readonly TimeProvider time;
    private readonly ILogger<ManifestPush> log;

    internal ManifestPush(CatalogDatabase catalog, PushConfiguration configuration, TimeProvider time, ILogger<ManifestPush> log)
    {
        this.catalog = catalog;
        this.configuration = configuration;
        this.time = time;
        this.log = log;
    }

    /// <summary>Keeps a manifest with its tags: all of it, or nothing.</summary>
    /// <param name="contentType">As the client calls it.</param>
    /// <param name="fixedTags">Those of the tags that may not mean something else once they are there.</param>
    /// <param name="digest">What the client says its digest is; null where it says a tag alone.</param>
    public async Task<PushResult<PushedManifest>> PutAsync(
        RepositoryName repository, ReadOnlyMemory<byte> content, string contentType, Digest? digest, IReadOnlyList<string> tags, IReadOnlyList<string>? fixedTags = null)
    {
        var actual = digest is { } said ? said.Rehash(content.Span) : Digest.Sha256(content.Span);
        if (digest is { } wanted && wanted != actual)
        {
            return new PushFailure(PushFailureKind.DigestInvalid, $"the {content.Length} bytes that came are {actual}, not {wanted}");
        }

        if (Check(content, contentType, out var document) is { } invalid)
        {
            return invalid;
        }

        try
        {
            var row = new ManifestRow(actual, document.MediaType, content);
            var put = await catalog.Contents.PutManifestAsync(OriginRepository.Own(repository), row, document, tags, !configuration.SparseIndexes, time.GetUtcNow(), fixedTags);
            if (put.HeldTag is { } held)
            {
                return new PushFailure(
                    PushFailureKind.TagFixed, $"The image tag '{held}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable.");
            }

            return put.Missing.Count > 0
                ? new PushFailure(PushFailureKind.ChildUnknown, $"'{repository}' does not have {string.Join(", ", put.Missing)}; push what a manifest names before it")
                : new PushedManifest(actual, document.Subject?.Digest);
        }
        catch (CatalogUnwrittenException failure)
        {
            Log.NotStored(log, actual, repository, failure.Message);
            return BlobPush.Unwritten("the catalog could not take it");
        }
    }

    private static PushFailure? Check(ReadOnlyMemory<byte> content, string contentType, out ManifestDocument document)
    {
        document = null!;
        using var json = ForeignJson.TryParse(content);
        if (json is null || json.RootElement.ValueKind != JsonValueKind.Object)
        {
            return Invalid("it is no JSON object");
        }

        var own = json.RootElement.TextOf("mediaType");
        var said = contentType.Length > 0 ? contentType : own ?? ManifestTypes.OfMembers(json.RootElement) ?? "";
        if (ManifestDocument.TryParse(content, said) is not { } read)
        {
            return Invalid("it is no JSON object");
        }

        document = read;
        return CheckType(read.MediaType, own) ?? ManifestMembers.Check(json.RootElement, read.MediaType);
    }

    private static PushFailure? CheckType(string mediaType, string? own)
    {
        if (!ManifestTypes.IsManifestType(mediaType))
        {
            return Invalid("its Content-Type must be the media type of a manifest (application/vnd.…)");
        }

        if (mediaType.StartsWith(Schema1, StringComparison.OrdinalIgnoreCase))
        {
            return Invalid("it is of Docker's schema 1, which is not taken; push it as schema 2 or OCI");
        }

        return !string.IsNullOrEmpty(own) && own != mediaType ? Invalid($"its Content-Type is {mediaType}, and its own mediaType {own}") : null;
    }

    internal static PushFailure Invalid(string reason) => new(PushFailureKind.ManifestInvalid, reason);

    private static partial class Log
    {
        [LoggerMessage(1821, LogLevel.Error, "Manifest {Digest} was pushed to {Repository} and could not be kept, which the client was told: {Reason}")]
        public static partial void NotStored(ILogger logger, Digest digest, RepositoryName repository, string reason);
    }
}
