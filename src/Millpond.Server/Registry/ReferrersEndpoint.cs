using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Cache;
using Millpond.Server.Rules;

namespace Millpond.Server.Registry;

/// <summary>The referrers of a digest as an image index, filtered by <c>artifactType</c>.</summary>
public sealed class ReferrersEndpoint(PullThrough pulls)
{
    private const string IndexMediaType = "application/vnd.oci.image.index.v1+json";

    public async ValueTask<RegistryAnswer> AnswerAsync(HttpContext context, RuleMatch target, Digest subject)
    {
        var pull = await pulls.ListReferrersAsync(target, subject, RegistryHeaders.ReadOptions(context.Request), context.RequestAborted);
        if (!pull.IsFound)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.Of(pull.Failure));
        }

        var wanted = context.Request.Query["artifactType"].ToString();
        RegistryHeaders.SetCache(context.Response.Headers, pull.Status);
        if (wanted.Length > 0)
        {
            context.Response.Headers[RegistryHeaders.FiltersApplied] = "artifactType";
        }

        var sent = await RegistryJson.WriteAsync(context, IndexMediaType, json =>
        {
            json.WriteNumber("schemaVersion", 2);
            json.WriteString("mediaType", IndexMediaType);
            json.WriteStartArray("manifests");
            foreach (var referrer in pull.Value.Manifests)
            {
                if (wanted.Length == 0 || referrer.ArtifactType == wanted)
                {
                    referrer.Json.WriteTo(json);
                }
            }

            json.WriteEndArray();
        });
        return new(context.Response.StatusCode, sent, RegistryHeaders.Text(pull.Status), target.Rule.Prefix);
    }
}
