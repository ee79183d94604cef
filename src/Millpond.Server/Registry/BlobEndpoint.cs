using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry;

/// <summary>GET (whole or in part) and HEAD of a blob.</summary>
public sealed class BlobEndpoint(PullThrough pulls, AccessGate gate, BlobResponse blobs)
{
    public ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Place place, Digest digest)
    {
        var request = context.Request;
        return HttpMethods.IsHead(request.Method) || request.Headers.IfNoneMatch.Count > 0
            ? AnswerWithoutFillAsync(context, place, digest)
            : AnswerContentAsync(context, place, digest);
    }

    /// <summary>HEAD, and a client that may hold the blob already: neither starts a fill.</summary>
    private async ValueTask<RegistryAnswer> AnswerWithoutFillAsync(HttpContext context, Place place, Digest digest)
    {
        var request = context.Request;
        var options = RegistryHeaders.ReadOptions(request);
        var pull = place.Cached is { } target
            ? await pulls.HeadBlobAsync(target, digest, options, context.RequestAborted)
            : await pulls.Local.HeadBlobAsync(place.Name, digest);
        if (!pull.IsFound && options.MayNotAsk && place.Cached is { } cold)
        {
            pull = await gate.OrImportAsync(context, pulls, cold, options, pull, wanted => pulls.HeadBlobAsync(cold, digest, wanted, context.RequestAborted));
        }

        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure, $"{place.Source}@{digest}"));
        }

        var response = context.Response;
        if (RegistryHeaders.IsUnchanged(request, BlobResponse.EntityTag(digest)))
        {
            BlobResponse.SetHeaders(response.Headers, digest, pull.Status);
            response.StatusCode = StatusCodes.Status304NotModified;
            return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), place.Rule);
        }

        if (!HttpMethods.IsHead(request.Method))
        {
            return await AnswerContentAsync(context, place, digest);
        }

        BlobResponse.SetHeaders(response.Headers, digest, pull.Status);
        response.ContentType = BlobResponse.MediaType;
        response.ContentLength = pull.Value.Length;
        return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), place.Rule);
    }

    private async ValueTask<RegistryAnswer> AnswerContentAsync(HttpContext context, Place place, Digest digest)
    {
        var options = RegistryHeaders.ReadOptions(context.Request);
        var pull = place.Cached is { } target
            ? await pulls.GetBlobAsync(target, digest, options, context.RequestAborted)
            : await pulls.Local.GetBlobAsync(place.Name, digest);
        if (!pull.IsFound && options.MayNotAsk && place.Cached is { } cold)
        {
            pull = await gate.OrImportAsync(context, pulls, cold, options, pull, wanted => pulls.GetBlobAsync(cold, digest, wanted, context.RequestAborted));
        }

        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure, $"{place.Source}@{digest}"));
        }

        await using var content = pull.Value;
        return await blobs.SendAsync(context, content, digest, pull.Status, place.Rule);
    }
}
