using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Cache;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Push;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Images: put and deleted.</summary>
internal sealed class ImageWriteOperations(RepositoryFinder repositories, PullThrough pulls, PushServices pushes, CatalogDatabase catalog, string account)
{
    private const long LongestManifest = 4_194_304;

    /// <summary>Escaped as JSON a manifest may take six times its length.</summary>
    private const long LongestBody = 6 * LongestManifest + 64 * 1024;

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "PutImage",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, Text(1, LongestManifest).Needed("imageManifest"), Text().As("imageManifestMediaType"), Text(1, 300).As("imageTag"),
                Text(pattern: "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+").As("imageDigest")),
            PutAsync) { Resources = repositories.Named, LongestBody = LongestBody, Note = "Into a cache repository nothing is put." },
        new(
            "BatchDeleteImage", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIds.Needed("imageIds")), DeleteAsync)
        {
            Resources = repositories.Named, Note = "In a cache repository an image is forgotten, and the next pull asks upstream.",
        },
    ];

    private async ValueTask<JsonObject> PutAsync(AwsCall call)
    {
        var repository = await repositories.GetOwnAsync(call);
        var (text, tag, digest) = (call.Input.Text("imageManifest"), call.Input.TextOrNull("imageTag"), call.Input.TextOrNull("imageDigest"));
        var content = Encoding.UTF8.GetBytes(text);
        var mediaType = call.Input.TextOrNull("imageManifestMediaType") ?? MediaTypeOf(content)
            ?? throw new AwsErrorException(AwsError.InvalidParameter("image manifest mediatype not provided in manifest or parameter"));
        if (tag is not null && !Tag.IsValid(tag))
        {
            throw new AwsErrorException(EcrShapes.Invalid(new("imageTag", "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")));
        }

        var actual = Digest.Sha256(content);
        if (digest is not null && digest != actual.ToString())
        {
            throw new AwsErrorException("ImageDigestDoesNotMatchException", $"The image digest '{digest}' does not match the digest of the manifest, '{actual}'");
        }

        await CheckAsync(repository, tag, actual);
        IReadOnlyList<string> tags = tag is null ? [] : [tag];
        var settings = await RepositorySettings.ReadAsync(catalog.Control, repository.Name);
        var put = await pushes.Manifests.PutAsync(repository.At.Name, content, mediaType, actual, tags, [.. tags.Where(settings.IsImmutable)]);
        if (!put.IsDone)
        {
            throw Refusal(put.Failure, mediaType);
        }

        return new()
        {
            ["image"] = new JsonObject
            {
                ["registryId"] = account,
                ["repositoryName"] = repository.Name,
                ["imageId"] = new JsonObject { ["imageDigest"] = actual.ToString() }.With("imageTag", tag),
                ["imageManifest"] = text,
                ["imageManifestMediaType"] = mediaType,
            },
        };
    }

    private async Task CheckAsync(FoundRepository repository, string? tag, Digest digest)
    {
        var before = tag is null ? null : await catalog.FindTagAsync(repository.At, tag);
        var isThere = tag is null ? await catalog.Control.Images.FindAsync(repository.At, digest) is not null : before?.Digest == digest;
        if (isThere)
        {
            throw new AwsErrorException(
                "ImageAlreadyExistsException",
                $"Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{repository.Name}' in registry with id '{account}'");
        }
    }

    private static AwsErrorException Refusal(PushFailure failure, string mediaType) => failure.Kind switch
    {
        PushFailureKind.ChildUnknown when mediaType.Contains("index", StringComparison.Ordinal) || mediaType.Contains("manifest.list", StringComparison.Ordinal) => new("ReferencedImagesNotFoundException", failure.Reason),
        PushFailureKind.ChildUnknown => new("LayersNotFoundException", failure.Reason),
        PushFailureKind.TagFixed => new("ImageTagAlreadyExistsException", failure.Reason),
        PushFailureKind.Unwritten => new(AwsError.Unavailable),
        _ => new(AwsError.InvalidParameter($"Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{failure.Reason}'")),
    };

    private static string? MediaTypeOf(byte[] content)
    {
        try
        {
            using var json = JsonDocument.Parse(content);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("mediaType", out var type) && type.ValueKind == JsonValueKind.String
                ? type.GetString()
                : null;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'"));
        }
    }

    private async ValueTask<JsonObject> DeleteAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var (deleted, failures) = (new List<JsonObject>(), new List<JsonObject>());
        foreach (var id in call.Input.Objects("imageIds"))
        {
            var failure = await DeleteAsync(repository, id, deleted);
            if (failure is { } refused)
            {
                failures.Add(ImageFailures.Of(id, refused.Code, refused.Reason));
            }
        }

        return new() { ["imageIds"] = AwsJson.List(deleted), ["failures"] = AwsJson.List(failures) };
    }

    private async Task<(string Code, string Reason)?> DeleteAsync(FoundRepository repository, AwsInput id, List<JsonObject> deleted)
    {
        var (digestText, tag) = (id.TextOrNull("imageDigest"), id.TextOrNull("imageTag"));
        if (digestText is null && tag is null)
        {
            return ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null");
        }

        var means = tag is null ? null : (await catalog.FindTagAsync(repository.At, tag))?.Digest ?? await catalog.Lifecycle.FindArchivedAsync(repository.At, tag);
        if (tag is not null && means is null || digestText is not null && !Digest.TryParse(digestText, out _))
        {
            return ("ImageNotFound", ImageFailures.NotFound);
        }

        if (means is not null && digestText is not null && means.Value.ToString() != digestText)
        {
            return ("ImageTagDoesNotMatchDigest", "The digest of the image with this tag is another");
        }

        var digest = means ?? Digest.Parse(digestText!);
        var tags = await catalog.Control.Images.TagsOfAsync(repository.At, digest);
        if (digestText is null && tags.Count > 1)
        {
            // The tag alone: the image has others.
            if (!(repository.Cached is { } cache ? await pulls.DropTagAsync(cache, tag!) : (await pushes.Deletion.TagAsync(repository.At.Name, tag!)).IsDone))
            {
                return ("ImageNotFound", ImageFailures.NotFound);
            }

            deleted.Add(new() { ["imageDigest"] = digest.ToString(), ["imageTag"] = tag });
            return null;
        }

        if (await DeleteManifestAsync(repository, digest) is { } failure)
        {
            return failure;
        }

        deleted.AddRange(tags.Select(gone => new JsonObject { ["imageDigest"] = digest.ToString(), ["imageTag"] = gone }));
        if (tags.Count == 0)
        {
            deleted.Add(new() { ["imageDigest"] = digest.ToString() });
        }

        return null;
    }

    private async Task<(string Code, string Reason)?> DeleteManifestAsync(FoundRepository repository, Digest digest)
    {
        if (repository.Cached is { } target)
        {
            return await pulls.DropManifestAsync(target, digest) ? null : ("ImageNotFound", ImageFailures.NotFound);
        }

        var result = await catalog.Contents.DeleteManifestAsync(repository.At, digest, evenIfNeeded: false);
        return result.Outcome switch
        {
            Deletion.Done => null,
            Deletion.Needed => ("ImageReferencedByManifestList", $"Requested image referenced by manifest list: [{result.By}]"),
            Deletion.Absent => ("ImageNotFound", ImageFailures.NotFound),
        };
    }
}
