using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Push;
using static Millpond.Server.Ecr.Protocol.AwsShape;

namespace Millpond.Server.Ecr.Repositories;

/// <summary>Layers: whether they are here, where they are downloaded, and their uploads in parts.</summary>
internal sealed class LayerOperations(RepositoryFinder repositories, ImagePulls pulls, PushServices pushes, RegistryTokens tokens, string account)
{
    private const long LongestPart = 20_971_520;
    private const long LongestBody = (LongestPart + 2) / 3 * 4 + 64 * 1024;
    private const int PartSize = 10 * 1024 * 1024;

    private static readonly TimeSpan DownloadLifetime = TimeSpan.FromMinutes(15);

    private static readonly AwsShape UploadId = Text(pattern: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    private static readonly AwsShape LayerDigest = Text(pattern: "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+");

    public IEnumerable<AwsOperation> All =>
    [
        new(
            "BatchCheckLayerAvailability", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, List(Text(0, 1000), 1, 100).Needed("layerDigests")), CheckAsync)
        {
            Resources = repositories.Named,
        },
        new("GetDownloadUrlForLayer", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, LayerDigest.Needed("layerDigest")), DownloadAsync)
        {
            Resources = repositories.Named, Note = "A URL of this server that holds for 15 minutes without a login, while there is the key that asked for it.",
        },
        new("InitiateLayerUpload", Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName), BeginAsync) { Resources = repositories.Named },
        new(
            "UploadLayerPart",
            Structure(
                EcrShapes.RegistryId, EcrShapes.RepositoryName, UploadId.Needed("uploadId"), Number(0, long.MaxValue).Needed("partFirstByte"),
                Number(0, long.MaxValue).Needed("partLastByte"), Text(0, LongestPart / 3 * 4 + 4).Needed("layerPartBlob")),
            UploadAsync) { Resources = repositories.Named, LongestBody = LongestBody },
        new(
            "CompleteLayerUpload",
            Structure(EcrShapes.RegistryId, EcrShapes.RepositoryName, UploadId.Needed("uploadId"), List(LayerDigest, 1, 100).Needed("layerDigests")),
            CompleteAsync) { Resources = repositories.Named },
    ];

    private async ValueTask<JsonObject> CheckAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var (layers, failures) = (new List<JsonObject>(), new List<JsonObject>());
        foreach (var text in call.Input.Texts("layerDigests"))
        {
            if (!Digest.TryParse(text, out var digest))
            {
                failures.Add(new() { ["layerDigest"] = text, ["failureCode"] = "InvalidLayerDigest", ["failureReason"] = "Invalid request parameters: the layer digest is none" });
                continue;
            }

            var head = await pulls.BlobAsync(call, repository, digest);
            layers.Add(new JsonObject { ["layerDigest"] = text, ["layerAvailability"] = head.IsFound ? "AVAILABLE" : "UNAVAILABLE" }
                .With("layerSize", head.Value?.Length is { } length ? length : null));
        }

        return new() { ["layers"] = AwsJson.List(layers), ["failures"] = AwsJson.List(failures) };
    }

    private async ValueTask<JsonObject> DownloadAsync(AwsCall call)
    {
        var repository = await repositories.GetAsync(call);
        var text = call.Input.Text("layerDigest");
        if (!Digest.TryParse(text, out var digest) || !(await pulls.BlobAsync(call, repository, digest)).IsFound)
        {
            throw new AwsErrorException(
                "LayersNotFoundException", $"The layer with digest '{text}' does not exist in the repository with name '{repository.Name}' in the registry with id '{account}'");
        }

        var token = tokens.MakeForLayer(call.Key.Id, repository.Name, text, DownloadLifetime);
        return new()
        {
            ["downloadUrl"] = $"{call.RegistryUrl.GetLeftPart(UriPartial.Authority)}/v2/{repository.Name}/blobs/{text}?{RegistryTokens.LayerParameter}={token}",
            ["layerDigest"] = text,
        };
    }

    private async ValueTask<JsonObject> BeginAsync(AwsCall call)
    {
        var repository = await repositories.GetOwnAsync(call);
        var begun = await pushes.Blobs.BeginAsync(repository.At.Name);
        return begun.IsDone
            ? new() { ["uploadId"] = Guid.ParseExact(begun.Value.Id, "N").ToString("D"), ["partSize"] = PartSize }
            : throw new AwsErrorException("LimitExceededException", begun.Failure.Reason);
    }

    private async ValueTask<JsonObject> UploadAsync(AwsCall call)
    {
        var repository = await repositories.GetOwnAsync(call);
        var upload = Find(repository, call);
        var (first, last) = (call.Input.NumberOrNull("partFirstByte")!.Value, call.Input.NumberOrNull("partLastByte")!.Value);
        var content = Decode(call.Input.Text("layerPartBlob"));
        if (first != upload.Offset || last - first + 1 != content.Length)
        {
            throw new AwsErrorException(new AwsError(
                400, "InvalidLayerPartException", $"The layer part begins at {first} and has {content.Length} bytes; the upload has {upload.Offset} bytes",
                new Dictionary<string, JsonNode>
                {
                    ["registryId"] = account,
                    ["repositoryName"] = repository.Name,
                    ["uploadId"] = call.Input.Text("uploadId"),
                    ["lastValidByteReceived"] = upload.Offset - 1,
                }));
        }

        var appended = await pushes.Blobs.AppendAsync(upload, PipeReader.Create(new ReadOnlySequence<byte>(content)), new Chunk(first, content.Length), call.Cancellation);
        return appended.IsDone
            ? new() { ["registryId"] = account, ["repositoryName"] = repository.Name, ["uploadId"] = call.Input.Text("uploadId"), ["lastByteReceived"] = last }
            : throw new AwsErrorException("LimitExceededException", appended.Failure.Reason);
    }

    private async ValueTask<JsonObject> CompleteAsync(AwsCall call)
    {
        var repository = await repositories.GetOwnAsync(call);
        var upload = Find(repository, call);
        var text = call.Input.Texts("layerDigests")[0];
        if (upload.Offset == 0)
        {
            throw new AwsErrorException("EmptyUploadException", "The upload has no bytes.");
        }

        if (!Digest.TryParse(text, out var digest))
        {
            throw new AwsErrorException("InvalidLayerException", "The layer digest is none of sha256 or sha512.");
        }

        var finished = await pushes.Blobs.FinishAsync(upload, digest, PipeReader.Create(ReadOnlySequence<byte>.Empty), new Chunk(null, 0), call.Cancellation);
        return finished.IsDone
            ? new() { ["registryId"] = account, ["repositoryName"] = repository.Name, ["uploadId"] = call.Input.Text("uploadId"), ["layerDigest"] = text }
            : throw new AwsErrorException("InvalidLayerException", finished.Failure.Reason);
    }

    private Upload Find(FoundRepository repository, AwsCall call)
    {
        var id = call.Input.Text("uploadId");
        var found = pushes.Blobs.Find(repository.At.Name, Guid.ParseExact(id, "D").ToString("N"));
        return found.IsDone
            ? found.Value
            : throw new AwsErrorException("UploadNotFoundException", $"The upload with id '{id}' does not exist in the repository with name '{repository.Name}'");
    }

    private static byte[] Decode(string text)
    {
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw new AwsErrorException(AwsError.Of("SerializationException", "layerPartBlob is not base64."));
        }
    }
}
