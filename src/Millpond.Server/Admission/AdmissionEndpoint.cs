using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Admission;

/// <summary>
/// <c>POST /admit</c>: an AdmissionReview in, one out. Whatever it does not understand it allows unchanged and counts; only a body
/// without a request to answer is refused, which the webhook's failure policy then ignores.
/// </summary>
internal sealed partial class AdmissionEndpoint(PodReview review, MillpondMetrics metrics, ILogger<AdmissionEndpoint> log)
{
    public const string Path = "/admit";

    private const string Malformed = "malformed";

    /// <summary>A review holds the new and the old object, and API servers take none of more than 3 MiB.</summary>
    private const long LargestBody = 8L * 1024 * 1024;

    /// <summary>Istio's injector looks for this very word.</summary>
    private const string FilledInLater = "auto";

    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1000 };

    /// <summary>What answers the reviews of a configuration in which they are on.</summary>
    public static AdmissionEndpoint Create(ServerConfiguration configuration, MillpondMetrics metrics, ILogger<AdmissionEndpoint> log)
    {
        var admission = configuration.Admission;
        var registry = admission.Registry ?? throw new ArgumentException("Reviews without a registry passed the checks.", nameof(configuration));
        // A repository in ECR that is called like a rule is only moved when its registry is named: on any doubt, nothing is changed.
        var options = new RewriteOptions { OldRegistries = admission.OldRegistries, MoveFromEcr = false, Placeholders = [FilledInLater] };
        var rules = new RewriteRules(registry, RewriteMappings.Of(configuration, admission.Tiers), options);
        return new(new PodReview(rules, new ReviewScope(admission)), metrics, log);
    }

    /// <summary>Answers, and says in a word what came of it.</summary>
    public async ValueTask<string> AnswerAsync(HttpContext context)
    {
        if (context.Request.Path != Path)
        {
            await RefuseAsync(context, StatusCodes.Status404NotFound, $"Reviews are asked for at {Path}, and there is nothing else here.");
            return "not_found";
        }

        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "Reviews are sent by POST.");
            return "not_allowed";
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = LargestBody;
        }

        var result = await ReviewAsync(context);
        metrics.Review(result);
        return result;
    }

    private async ValueTask<string> ReviewAsync(HttpContext context)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, Deep, context.RequestAborted);
            if (!PodImages.TryGetObject(document.RootElement, "request", out var request) || PodImages.Text(request, "uid") is not { Length: > 0 } uid)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, "The body is no AdmissionReview: it has no request with a uid.");
                return Malformed;
            }

            var version = PodImages.Text(document.RootElement, "apiVersion") ?? "admission.k8s.io/v1";
            var verdict = Decide(request);
            await AnswerAsync(context, version, uid, verdict);
            return verdict.Result.Replace('-', '_');
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or BadHttpRequestException && !context.Response.HasStarted)
        {
            var status = malformed is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest;
            await RefuseAsync(context, status, $"The body cannot be read as an AdmissionReview: {malformed.Message}");
            return Malformed;
        }
    }

    private PodVerdict Decide(JsonElement request)
    {
        try
        {
            return review.Decide(request);
        }
        catch (Exception doubt) when (doubt is not OutOfMemoryException)
        {
            // A pod that cannot be understood must still start.
            Log.Failed(log, doubt);
            return PodVerdict.Skipped(PodVerdict.Failed);
        }
    }

    private static async Task AnswerAsync(HttpContext context, string version, string uid, PodVerdict verdict)
    {
        var patch = verdict.Patch.Count == 0 ? null : JsonSerializer.SerializeToUtf8Bytes(verdict.Patch, AdmissionJson.Plain.IReadOnlyListPatchOperation);
        var answer = new ReviewAnswer(
            version, "AdmissionReview", new ReviewResponse(uid, Allowed: true, patch is null ? null : "JSONPatch", patch, verdict.Audit.Count == 0 ? null : verdict.Audit));
        var body = JsonSerializer.SerializeToUtf8Bytes(answer, AdmissionJson.Plain.ReviewAnswer);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static async Task RefuseAsync(HttpContext context, int status, string why)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(why + "\n", context.RequestAborted);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "A review could not be understood and was allowed unchanged")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
