using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry;

/// <summary>GET and HEAD of a manifest by tag or digest.</summary>
public sealed class ManifestEndpoint(PullThrough pulls, AccessGate gate)
{
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Place place, string reference)
    {
        var request = context.Request;
        var options = RegistryHeaders.ReadOptions(request) with { IsHead = HttpMethods.IsHead(request.Method) };
        var pull = place.Cached is { } target
            ? await pulls.GetManifestAsync(target, reference, options, context.RequestAborted)
            : await pulls.Local.GetManifestAsync(place.Name, reference, options.IsHead);
        if (!pull.IsFound && options.MayNotAsk && place.Cached is { } cold)
        {
            pull = await gate.OrImportAsync(context, pulls, cold, options, pull, wanted => pulls.GetManifestAsync(cold, reference, wanted, context.RequestAborted));
        }

        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure, $"{place.Source}{(Tag.IsValid(reference) ? ':' : '@')}{reference}"));
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
            return new(response.StatusCode, 0, RegistryHeaders.Text(pull.Status), place.Rule);
        }

        headers.ContentType = ManifestTypes.ForClients(manifest.MediaType);
        headers.ContentLength = manifest.Content.Length;
        var sent = 0;
        if (!HttpMethods.IsHead(request.Method))
        {
            await response.BodyWriter.WriteAsync(manifest.Content);
            sent = manifest.Content.Length;
        }

        return new(response.StatusCode, sent, RegistryHeaders.Text(pull.Status), place.Rule);
    }
}
