using System.Buffers;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Access;
using Millpond.Server.Bounded;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Push;
using Millpond.Server.Registry.Answers;

namespace Millpond.Server.Registry.Writing;

/// <summary>PUT of a manifest by tag, or by digest with any number of tags (<c>?tag=</c>).</summary>
public sealed class ManifestPutEndpoint(ManifestPush manifests, ControlTables control)
{
    private const string Subject = "OCI-Subject";
    private const string TagsSet = "OCI-Tag";

    /// <summary>Of one manifest in one request.</summary>
    private const int MostTags = 100;

    /// <summary>Bytes of bodies that are held at once, while they come and while they are read.</summary>
    private readonly ByteRoom room = new(256L * 1024 * 1024);

    /// <param name="asked">The repository as the client wrote it.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RepositoryName repository, RepositoryName asked, RegistryPath path, string linkRoot)
    {
        var further = context.Request.Query["tag"];
        if (further.Count > MostTags || further.Any(tag => !Tag.IsValid(tag)))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidTagToPush);
        }

        if (context.Request.ContentLength > ManifestPush.LargestManifest)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.ManifestTooLarge);
        }

        var bytes = context.Request.ContentLength ?? ManifestPush.LargestManifest;
        if (!room.TryTake(bytes))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.TooManyManifests);
        }

        try
        {
            return await ReadAsync(context) is { } content
                ? await PutAsync(context, repository, asked, path, linkRoot, content)
                : await RegistryErrorWriter.WriteAsync(context, RegistryError.ManifestTooLarge);
        }
        finally
        {
            room.Return(bytes);
        }
    }

    private async ValueTask<RegistryAnswer> PutAsync(
        HttpContext context, RepositoryName repository, RepositoryName asked, RegistryPath path, string linkRoot, ReadOnlyMemory<byte> content)
    {
        var further = context.Request.Query["tag"];
        Digest? said = path.Digest.IsEmpty ? null : path.Digest;
        string[] tags = said is null ? [path.Reference, .. further.OfType<string>()] : [.. further.OfType<string>()];
        var settings = await RepositorySettings.ReadAsync(control, repository.ToString());
        var put = await manifests.PutAsync(repository, content, context.Request.ContentType ?? "", said, tags, [.. tags.Where(settings.IsImmutable)]);
        if (!put.IsDone)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(put.Failure));
        }

        var response = context.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.ContentLength = 0;
        response.Headers.Location = $"{linkRoot}/v2/{asked}/manifests/{(said is null ? path.Reference : put.Value.Digest.ToString())}";
        response.Headers[RegistryHeaders.ContentDigest] = put.Value.Digest.ToString();
        if (put.Value.Subject is { } subject)
        {
            response.Headers[Subject] = subject.ToString();
        }

        if (further.Count > 0)
        {
            response.Headers[TagsSet] = further;
        }

        return new(response.StatusCode, 0, "pushed");
    }

    /// <summary>The whole body; null where it is longer than a manifest may be, of which no more is read than that.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > ManifestPush.LargestManifest)
            {
                reader.AdvanceTo(read.Buffer.End);
                return null;
            }

            if (read.IsCompleted)
            {
                var content = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return content;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
