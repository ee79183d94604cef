using Microsoft.AspNetCore.Http;
using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>GET and HEAD of a manifest by tag or digest.</summary>
public sealed class ManifestEndpoint(PullThrough pulls)
{
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RuleMatch target, string reference)
    {
        var request = context.Request;
        var pull = await pulls.GetManifestAsync(target, reference, RegistryHeaders.ReadOptions(request), context.RequestAborted);
        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure));
        }

        var manifest = pull.Value;
        var response = context.Response;
        var headers = response.Headers;
        headers[RegistryHeaders.ContentDigest] = manifest.DigestText;
        headers.ETag = manifest.EntityTag;
        headers.CacheControl = RegistryHeaders.NoTransform;
        RegistryHeaders.SetCache(headers, pull.Status);
        if (RegistryHeaders.IsUnchanged(request, manifest.EntityTag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
        }

        headers.ContentType = manifest.MediaType;
        headers.ContentLength = manifest.Content.Length;
        var sent = 0;
        if (!HttpMethods.IsHead(request.Method))
        {
            await response.BodyWriter.WriteAsync(manifest.Content);
            sent = manifest.Content.Length;
        }

        return new(response.StatusCode, sent, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
    }
}
