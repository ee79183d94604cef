using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>GET (whole or in part) and HEAD of a blob.</summary>
public sealed class BlobEndpoint(PullThrough pulls, BlobResponse blobs)
{
    public ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RuleMatch target, Digest digest)
    {
        var request = context.Request;
        return HttpMethods.IsHead(request.Method) || request.Headers.IfNoneMatch.Count > 0
            ? AnswerWithoutFillAsync(context, target, digest)
            : AnswerContentAsync(context, target, digest);
    }

    /// <summary>HEAD, and a client that may hold the blob already: neither starts a fill.</summary>
    private async ValueTask<RegistryAnswer> AnswerWithoutFillAsync(HttpContext context, RuleMatch target, Digest digest)
    {
        var request = context.Request;
        var pull = await pulls.HeadBlobAsync(target, digest, RegistryHeaders.ReadOptions(request), context.RequestAborted);
        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure));
        }

        var response = context.Response;
        if (RegistryHeaders.IsUnchanged(request, BlobResponse.EntityTag(digest)))
        {
            BlobResponse.SetHeaders(response.Headers, digest, pull.Status);
            response.StatusCode = StatusCodes.Status304NotModified;
            return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
        }

        if (!HttpMethods.IsHead(request.Method))
        {
            return await AnswerContentAsync(context, target, digest);
        }

        BlobResponse.SetHeaders(response.Headers, digest, pull.Status);
        response.ContentType = BlobResponse.MediaType;
        response.ContentLength = pull.Value.Length;
        return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
    }

    private async ValueTask<RegistryAnswer> AnswerContentAsync(HttpContext context, RuleMatch target, Digest digest)
    {
        var pull = await pulls.GetBlobAsync(target, digest, RegistryHeaders.ReadOptions(context.Request), context.RequestAborted);
        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure));
        }

        await using var content = pull.Value;
        return await blobs.SendAsync(context, content, digest, pull.Status, target.Rule.Prefix);
    }
}
