using System.Globalization;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Push;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry.Writing;

/// <summary>Uploads of blobs: begun, gone on with, asked for, finished and cancelled. Their bodies have any length, as no others have.</summary>
public sealed class UploadEndpoint(BlobPush blobs, BlobMounts mounts)
{
    private const string UploadId = "Docker-Upload-UUID";
    private const string ShortestChunk = "OCI-Chunk-Min-Length";

    /// <summary>Of what is sent in chunks no chunk but the last should be shorter. It is advice: shorter ones are taken.</summary>
    private const string ShortestChunkLength = "1024";

    private const string Methods = "GET, PATCH, PUT, DELETE";

    /// <param name="id">The upload; empty for the path under which uploads begin.</param>
    /// <param name="linkRoot">What stands before the path in <c>Location</c>: the public URL, or nothing.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RepositoryName repository, RepositoryName asked, string id, Door door, string linkRoot)
    {
        var method = context.Request.Method;
        var root = $"{linkRoot}/v2/{asked}/blobs";
        try
        {
            if (id.Length == 0)
            {
                return HttpMethods.IsPost(method)
                    ? await BeginAsync(context, repository, door, root)
                    : await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed("POST"));
            }

            var found = blobs.Find(repository, id);
            if (!found.IsDone)
            {
                return await RefuseAsync(context, found.Failure);
            }

            return method switch
            {
                _ when HttpMethods.IsGet(method) => Stand(context, found.Value, root, StatusCodes.Status204NoContent),
                _ when HttpMethods.IsPatch(method) => await AppendAsync(context, found.Value, root),
                _ when HttpMethods.IsPut(method) => await FinishAsync(context, found.Value, root),
                _ when HttpMethods.IsDelete(method) => await CancelAsync(context, found.Value),
                _ => await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed(Methods)),
            };
        }
        catch (IOException) when (!context.Response.HasStarted && context.RequestAborted.IsCancellationRequested)
        {
            throw new OperationCanceledException(context.RequestAborted);
        }
        catch (IOException gone) when (gone is not BadHttpRequestException)
        {
            // What the disk does is told as a failure: this is the client's connection.
            context.Abort();
            return new(StatusCodes.Status499ClientClosedRequest, 0, "client_gone", IsCut: true);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            // The client goes on with the upload on another connection. Whoever still reads this one is told so.
            context.Response.Headers.Connection = "close";
            return await RefuseAsync(context, new(PushFailureKind.OutOfOrder, "another request goes on with this upload"));
        }
    }

    private async ValueTask<RegistryAnswer> BeginAsync(HttpContext context, RepositoryName repository, Door door, string root)
    {
        var query = context.Request.Query;
        if (query["digest-algorithm"].ToString() is not ("" or "sha256" or "sha512"))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidDigest);
        }

        if (query["mount"].ToString() is { Length: > 0 } wanted)
        {
            if (!Digest.TryParse(wanted, out var mounted))
            {
                return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidDigest);
            }

            if (await mounts.TryMountAsync(context, door, repository, mounted, query["from"].ToString()))
            {
                return Stored(context, mounted, root);
            }
        }
        else if (query.ContainsKey("digest"))
        {
            return await PutAsync(context, repository, query["digest"].ToString(), root);
        }

        var begun = await blobs.BeginAsync(repository);
        if (!begun.IsDone)
        {
            return await RefuseAsync(context, begun.Failure);
        }

        context.Response.Headers[ShortestChunk] = ShortestChunkLength;
        return Stand(context, begun.Value, root, StatusCodes.Status202Accepted);
    }

    private async ValueTask<RegistryAnswer> PutAsync(HttpContext context, RepositoryName repository, string wanted, string root)
    {
        if (!Digest.TryParse(wanted, out var digest))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidDigest);
        }

        var put = await blobs.PutAsync(repository, digest, context.Request.BodyReader, context.Request.ContentLength, context.RequestAborted);
        return put.IsDone ? Stored(context, digest, root) : await RefuseAsync(context, put.Failure);
    }

    private async ValueTask<RegistryAnswer> AppendAsync(HttpContext context, Upload upload, string root)
    {
        var request = context.Request;
        var failure = Chunk.TryRead(request.Headers.ContentRange.ToString(), request.ContentLength, out var chunk)
            ?? (await blobs.AppendAsync(upload, request.BodyReader, chunk, context.RequestAborted)).Failure;
        return failure is null ? Stand(context, upload, root, StatusCodes.Status202Accepted) : await RefuseAsync(context, failure, upload, root);
    }

    private async ValueTask<RegistryAnswer> FinishAsync(HttpContext context, Upload upload, string root)
    {
        var request = context.Request;
        if (!Digest.TryParse(request.Query["digest"].ToString(), out var digest))
        {
            await blobs.CancelAsync(upload);
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidDigest);
        }

        var failure = Chunk.TryRead(request.Headers.ContentRange.ToString(), request.ContentLength, out var chunk)
            ?? (await blobs.FinishAsync(upload, digest, request.BodyReader, chunk, context.RequestAborted)).Failure;
        return failure is null ? Stored(context, digest, root) : await RefuseAsync(context, failure, upload, root);
    }

    private async ValueTask<RegistryAnswer> CancelAsync(HttpContext context, Upload upload)
    {
        await blobs.CancelAsync(upload);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return new(context.Response.StatusCode, 0, "cancelled");
    }

    private static RegistryAnswer Stored(HttpContext context, Digest digest, string root)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.ContentLength = 0;
        context.Response.Headers.Location = $"{root}/{digest}";
        context.Response.Headers[RegistryHeaders.ContentDigest] = digest.ToString();
        return new(context.Response.StatusCode, 0, "pushed");
    }

    private static RegistryAnswer Stand(HttpContext context, Upload upload, string root, int status)
    {
        context.Response.StatusCode = status;
        if (status != StatusCodes.Status204NoContent)
        {
            context.Response.ContentLength = 0;
        }

        SetStand(context.Response.Headers, upload, root);
        return new(status, 0, "upload");
    }

    /// <summary>The last byte that is here; of an upload without one it is said to be the first, for there is no other way to write it.</summary>
    private static void SetStand(IHeaderDictionary headers, Upload upload, string root)
    {
        headers.Location = $"{root}/uploads/{upload.Id}";
        headers[UploadId] = upload.Id;
        headers.Range = string.Create(CultureInfo.InvariantCulture, $"0-{Math.Max(0, upload.Offset - 1)}");
    }

    private static ValueTask<RegistryAnswer> RefuseAsync(HttpContext context, PushFailure failure, Upload? upload = null, string root = "")
    {
        if (upload is not null && failure.Kind is PushFailureKind.OutOfOrder or PushFailureKind.SizeInvalid or PushFailureKind.UploadInvalid)
        {
            SetStand(context.Response.Headers, upload!, root);
        }

        return RegistryErrorWriter.WriteAsync(context, RegistryError.Of(failure));
    }
}
