using System.Text.Json.Nodes;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Ecr.Repositories;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Lifecycle;

/// <summary>An image archived, or restored, by hand.</summary>
internal sealed class StorageClassOperation(RepositoryFinder repositories, ImageReadOperations images, LifecycleTable lifecycle, ImageTable table, string account)
{
    public AwsOperation Operation => new(
        "UpdateImageStorageClass",
        Structure(
            EcrShapes.RegistryId, EcrShapes.RepositoryName, EcrShapes.ImageIdentifier.Needed("imageId"), Choice("ARCHIVE", "STANDARD").Needed("targetStorageClass")),
        UpdateAsync)
    { Resources = repositories.Named, Note = "Restoring takes no time: `ACTIVE` at once." };

    private async ValueTask<JsonObject> UpdateAsync(AwsCall call)
    {
        var (repository, image) = await images.NamedAsync(call);
        var toArchive = call.Input.Text("targetStorageClass") == "ARCHIVE";
        var isDone = toArchive ? await ArchiveAsync(repository, image, call.Now) : await lifecycle.RestoreAsync(repository.At, image.Digest, call.Now);
        if (!isDone)
        {
            throw new AwsErrorException(
                "ImageStorageClassUpdateNotSupportedException",
                toArchive ? "The image is archived already, has changed just now, or an index of the repository names it." : "The image is not archived.");
        }

        return new()
        {
            ["registryId"] = account,
            ["repositoryName"] = repository.Name,
            ["imageId"] = new JsonObject { ["imageDigest"] = image.Digest.ToString() }.With("imageTag", call.Input.Structure("imageId")!.Value.TextOrNull("imageTag")),
            ["imageStatus"] = toArchive ? "ARCHIVED" : "ACTIVE",
        };
    }

    private async Task<bool> ArchiveAsync(FoundRepository repository, ImageRow image, DateTimeOffset now)
    {
        if (image.IsArchived)
        {
            return false;
        }

        var asItIs = new LifecycleImage
        {
            Digest = image.Digest,
            Tags = await table.TagsOfAsync(repository.At, image.Digest),
            PushedAt = image.LinkedAt.ToUnixTimeMilliseconds(),
            ActivatedAt = image.ActivatedAt?.ToUnixTimeMilliseconds() ?? 0,
        };
        return (await lifecycle.ArchiveAsync(repository.At, [new(asItIs, MayBePulled: true)], now)).Contains(image.Digest);
    }
}
