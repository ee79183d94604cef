using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server.Registry.Lists;

/// <summary>The referrers of a digest as an image index, filtered by <c>artifactType</c>, by pages.</summary>
public sealed class ReferrersEndpoint(PullThrough pulls, AccessGate gate)
{
    private const string IndexMediaType = "application/vnd.oci.image.index.v1+json";

    /// <param name="linkRoot">What stands before the path in <c>Link</c>: the public URL, or nothing.</param>
    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, Place place, Digest subject, string linkRoot)
    {
        var request = context.Request;
        if (!Page.TryRead(request.Query, out var page))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.InvalidPage);
        }

        var wanted = request.Query["artifactType"].ToString();
        var (type, limit) = (wanted.Length == 0 ? null : wanted, Math.Max(1, page.Limit));
        var options = RegistryHeaders.ReadOptions(request);
        var pull = place.Cached is { } target
            ? await pulls.ListReferrersAsync(target, subject, type, page.Last, limit, options, context.RequestAborted)
            : await pulls.Local.ListReferrersAsync(place.Name, subject, type, page.Last, limit);
        if (!pull.IsFound && options.MayNotAsk && place.Cached is { } cold)
        {
            pull = await gate.OrImportAsync(
                context, pulls, cold, options, pull, allowed => pulls.ListReferrersAsync(cold, subject, type, page.Last, limit, allowed, context.RequestAborted));
        }

        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure, $"the referrers of {place.Source}@{subject}"));
        }

        RegistryHeaders.SetCache(context.Response.Headers, pull.Status);
        RegistryHeaders.SetCut(context.Response.Headers, pull.Value.CutAt);
        if (wanted.Length > 0)
        {
            context.Response.Headers[RegistryHeaders.FiltersApplied] = "artifactType";
        }

        var referrers = page.Limit == 0 ? [] : pull.Value.Manifests;
        if (pull.Value.More && referrers.Count > 0)
        {
            page.SetLink(context, linkRoot, referrers[^1].Digest);
        }

        var sent = await RegistryJson.WriteAsync(context, IndexMediaType, json =>
        {
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", IndexMediaType);
            json.WriteStartArray("manifests");
            foreach (var referrer in referrers)
            {
                // Read from a whole document when it came, and kept as it was.
                json.WriteRawValue(referrer.Json.Span, skipInputValidation: true);
            }

            json.WriteEndArray();
        });
        return new(context.Response.StatusCode, sent, RegistryHeaders.Text(pull.Status), place.Rule);
    }
}
