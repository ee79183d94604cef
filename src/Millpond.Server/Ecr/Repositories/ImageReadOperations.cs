using System.Text;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr.Protocol;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Images: described, listed and got.</summary>
internal sealed class ImageReadOperations(RepositoryFinder repositories, ImagePulls pulls, ImageTable images, CatalogDatabase catalog, string account)
{
    private const int Scanned = 500;

    /// <summary>Of manifests in one answer: as many as are usual would be a hundredth of it.</summary>
    private const long LongestAnswer = 32L * 1024 * 1024;

    private static readonly AwsMember Filter = Structure(Choice("TAGGED", "UNTAGGED", "ANY").As("tagStatus"), Choice("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY").As("imageStatus")).As("filter");

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "DescribeImages",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIds.As("imageIds"), EcrShapes.NextToken, EcrShapes.MaxResults, Filter),
            DescribeAsync) { Resources = repositories.Named },
        new("ListImages", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.NextToken, EcrShapes.MaxResults, Filter), ListAsync) { Resources = repositories.Named },
        new(
            "BatchGetImage",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIds.Needed("imageIds"), List(Text(1, 1024), 1, 100).As("acceptedMediaTypes")),
            BatchGetAsync) { Resources = repositories.Named, Note = "Pulls through where it is not here, as a pull does; nothing is converted." },
        new(
            "ListImageReferrers",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, Structure(Text().Needed("imageDigest")).Needed("subjectId"), Structure(List(Text(1, 256), 0, 5).As("artifactTypes")).As("filter"),
                EcrShapes.NextToken, Number(1, 50).As("maxResults")),
            ReferrersAsync) { Resources = repositories.Named, Action = "BatchGetImage" },
        new(
            "DescribeImageScanFindings",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIdentifier.Needed("imageId"), EcrShapes.NextToken, EcrShapes.MaxResults),
            ScanFindingsAsync) { Resources = repositories.Named, Support = AwsSupport.Refused, Note = "Nothing is scanned: `ScanNotFoundException`." },
        new("StartImageScan", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIdentifier.Needed("imageId")), StartScanAsync)
        {
            Resources = repositories.Named, Support = AwsSupport.Refused, Note = "Nothing is scanned: `ValidationException`, as on AWS where scans by hand are switched off.",
        },
    ];

    private async ValueTask<JsonObject> DescribeAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var page = AwsPage.Of(call.Input, without: "imageIds");
        if (call.Input.Has("imageIds"))
        {
            var named = new List<JsonObject>();
            foreach (var id in call.Input.Objects("imageIds"))
            {
                named.Add(await DetailAsync(repository, await FindAsync(repository, id) ?? throw NotFound(repository, id)));
            }

            return new() { ["imageDetails"] = AwsJson.List(named) };
        }

        var (found, next) = await PageAsync(repository, call.Input, page);
        return new JsonObject { ["imageDetails"] = AwsJson.List(await Task.WhenAll(found.Select(image => DetailAsync(repository, image)))) }.With("nextToken", next);
    }

    private async ValueTask<JsonObject> ListAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var (found, next) = await PageAsync(repository, call.Input, AwsPage.Of(call.Input));
        var ids = new List<JsonObject>();
        foreach (var image in found)
        {
            var tags = await images.TagsOfAsync(repository.At, image.Digest);
            ids.AddRange(tags.Select(tag => new JsonObject { ["imageDigest"] = image.Digest.ToString(), ["imageTag"] = tag }));
            if (tags.Count == 0)
            {
                ids.Add(new() { ["imageDigest"] = image.Digest.ToString() });
            }
        }

        return new JsonObject { ["imageIds"] = AwsJson.List(ids) }.With("nextToken", next);
    }

    private async Task<(List<ImageRow> Found, string? Next)> PageAsync(FoundRepository repository, AwsInput input, AwsPage page)
    {
        var status = input.Structure("filter")?.TextOrNull("tagStatus") ?? "ANY";
        var imageStatus = input.Structure("filter")?.TextOrNull("imageStatus") ?? "ANY";
        var found = new List<ImageRow>();
        for (var after = page.After; ;)
        {
            var rows = await images.ListAsync(repository.At, after, Scanned);
            foreach (var row in rows)
            {
                if (imageStatus != "ANY" && imageStatus != StatusOf(row))
                {
                    continue;
                }

                if (status == "ANY" || (status == "TAGGED") == (await images.TagsOfAsync(repository.At, row.Digest)).Count > 0)
                {
                    found.Add(row);
                }

                if (found.Count > page.Limit)
                {
                    return (found[..page.Limit], page.Next(found.Count, index => found[index].Digest.ToString()));
                }
            }

            if (rows.Count < Scanned)
            {
                return (found, null);
            }

            after = rows[^1].Digest.ToString();
        }
    }

    private async Task<JsonObject> DetailAsync(FoundRepository repository, ImageRow image)
    {
        var tags = await images.TagsOfAsync(repository.At, image.Digest);
        return new JsonObject { ["registryId"] = account, ["repositoryName"] = repository.Name, ["imageDigest"] = image.Digest.ToString() }
            .With("imageTags", tags.Count == 0 ? null : AwsJson.List(tags))
            .With("imageSizeInBytes", image.LargestChild > 0 ? image.LargestChild : image.Size + image.BlobBytes)
            .With("imagePushedAt", AwsJson.Time(image.LinkedAt))
            .With("imageManifestMediaType", image.MediaType)
            .With("artifactMediaType", image.ArtifactType)
            .With("lastRecordedPullTime", image.PulledAt > image.LinkedAt ? AwsJson.Time(image.PulledAt) : null)
            .With("subjectManifestDigest", image.Subject?.ToString())
            .With("imageStatus", StatusOf(image))
            .With("lastArchivedAt", image.ArchivedAt is { } archived ? AwsJson.Time(archived) : null)
            .With("lastActivatedAt", image.ActivatedAt is { } activated ? AwsJson.Time(activated) : null);
    }

    private static string StatusOf(ImageRow image) => image.IsArchived ? "ARCHIVED" : "ACTIVE";

    /// <summary>By digest, tag, or both where they agree; a tag also of an archived image.</summary>
    private async Task<ImageRow?> FindAsync(FoundRepository repository, AwsInput id)
    {
        var (digest, tag) = (id.TextOrNull("imageDigest"), id.TextOrNull("imageTag"));
        if (digest is null && tag is null)
        {
            throw new AwsErrorException(AwsError.InvalidParameter("Invalid request parameters: both tag and digest cannot be null"));
        }

        if (tag is not null)
        {
            var means = (await catalog.FindTagAsync(repository.At, tag))?.Digest ?? await catalog.Lifecycle.FindArchivedAsync(repository.At, tag);
            return means is { } tagged && (digest is null || tagged.ToString() == digest) ? await images.FindAsync(repository.At, tagged) : null;
        }

        return Digest.TryParse(digest!, out var parsed) ? await images.FindAsync(repository.At, parsed) : null;
    }

    private AwsErrorException NotFound(FoundRepository repository, AwsInput id)
    {
        var parts = new List<string>();
        if (id.TextOrNull("imageDigest") is { } digest)
        {
            parts.Add($"imageDigest:'{digest}'");
        }

        if (id.TextOrNull("imageTag") is { } tag)
        {
            parts.Add($"imageTag:'{tag}'");
        }

        return new(
            "ImageNotFoundException",
            $"The image with imageId {{{string.Join(", ", parts)}}} does not exist within the repository with name '{repository.Name}' in the registry with id '{account}'");
    }

    private async ValueTask<JsonObject> BatchGetAsync(AwsCall call)
    {
        var name = RepositoryName.Parse(call.Input.Text("repositoryName"));
        var (got, failures) = (new List<JsonObject>(), new List<JsonObject>());
        var bytes = 0L;
        foreach (var id in call.Input.Objects("imageIds"))
        {
            var (digest, tag) = (id.TextOrNull("imageDigest"), id.TextOrNull("imageTag"));
            if (digest is null && tag is null)
            {
                failures.Add(ImageFailures.Of(id, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"));
                continue;
            }

            if ((digest is not null && !Digest.TryParse(digest, out _)) || (tag is not null && !Tag.IsValid(tag)))
            {
                failures.Add(ImageFailures.Of(id, "ImageNotFound", ImageFailures.NotFound));
                continue;
            }

            var pull = await pulls.ManifestAsync(call, name, tag ?? digest!);
            if (!pull.IsFound)
            {
                failures.Add(ImageFailures.Of(id, pull.Failure));
            }
            else if (digest is not null && pull.Value.DigestText != digest)
            {
                failures.Add(ImageFailures.Of(id, "ImageTagDoesNotMatchDigest", "The digest of the image with this tag is another"));
            }
            else if ((bytes += pull.Value.Content.Length) > LongestAnswer)
            {
                throw new AwsErrorException("LimitExceededException", $"The manifests are more than {LongestAnswer} bytes together; ask for fewer at once.");
            }
            else
            {
                got.Add(new JsonObject
                {
                    ["registryId"] = account,
                    ["repositoryName"] = repositories.Canonical(name).ToString(),
                    ["imageId"] = new JsonObject { ["imageDigest"] = pull.Value.DigestText }.With("imageTag", tag),
                    ["imageManifest"] = Encoding.UTF8.GetString(pull.Value.Content.Span),
                    ["imageManifestMediaType"] = pull.Value.MediaType,
                });
            }
        }

        return new() { ["images"] = AwsJson.List(got), ["failures"] = AwsJson.List(failures) };
    }

    private async ValueTask<JsonObject> ReferrersAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        if (!Digest.TryParse(call.Input.Structure("subjectId")!.Value.Text("imageDigest"), out var subject))
        {
            throw new AwsErrorException(AwsError.InvalidParameter("Invalid parameter at 'subjectId.imageDigest' failed to satisfy constraint: 'it must be a digest'"));
        }

        var page = AwsPage.Of(call.Input, usual: 20);
        var pull = await pulls.ReferrersAsync(call, repository, subject, page.After.Length == 0 ? null : page.After, page.Limit);
        if (!pull.IsFound)
        {
            throw new AwsErrorException("UnableToListUpstreamImageReferrersException", pull.Failure.Reason);
        }

        var types = call.Input.Structure("filter")?.Texts("artifactTypes") ?? [];
        var listed = pull.Value.Manifests.Select(referrer => JsonNode.Parse(referrer.Json.Span)!.AsObject())
            .Where(referrer => types.Count == 0 || types.Contains((string?)referrer["artifactType"] ?? ""))
            .Select(referrer => new JsonObject { ["digest"] = (string?)referrer["digest"], ["mediaType"] = (string?)referrer["mediaType"], ["size"] = (long?)referrer["size"] ?? 0 }
                .With("artifactType", (string?)referrer["artifactType"]).With("annotations", referrer["annotations"]?.DeepClone()).With("artifactStatus", "ACTIVE"));
        return new JsonObject { ["referrers"] = AwsJson.List(listed) }
            .With("nextToken", pull.Value.More ? page.Next(page.Limit + 1, index => pull.Value.Manifests[index].Digest) : null);
    }

    private async ValueTask<JsonObject> ScanFindingsAsync(AwsCall call)
    {
        var (repository, image) = await NamedAsync(call);
        throw new AwsErrorException(
            "ScanNotFoundException",
            $"Image scan does not exist for the image with '{{imageDigest:'{image.Digest}'}}' in the repository with name '{repository.Name}' in the registry with id '{account}'");
    }

    private async ValueTask<JsonObject> StartScanAsync(AwsCall call)
    {
        await NamedAsync(call);
        throw new AwsErrorException("ValidationException", "This feature is disabled");
    }

    /// <exception cref="AwsErrorException">There is no such repository or image.</exception>
    public async ValueTask<(FoundRepository Repository, ImageRow Image)> NamedAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var id = call.Input.Structure("imageId")!.Value;
        return (repository, await FindAsync(repository, id) ?? throw NotFound(repository, id));
    }
}
