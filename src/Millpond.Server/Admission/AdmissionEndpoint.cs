using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Admission;

/// <summary>
/// <c>POST /admit</c>: an AdmissionReview in, one out. Whatever it does not understand it allows unchanged and counts; only a body
/// without a request to answer is refused, which the webhook's failure policy then ignores.
/// </summary>
internal sealed partial class AdmissionEndpoint(PodReview review, MillpondMetrics metrics, ILogger<AdmissionEndpoint> log)
{
    public const string Path = "/admit";

    /// <summary>A review holds the new and the old object, each of up to 1.5 MB in etcd and more as JSON.</summary>
    private const long LargestBody = 8L * 1024 * 1024;

    public async Task HandleAsync(HttpContext context)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "Reviews are sent by POST.");
            return;
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = LargestBody;
        }

        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
            if (!PodImages.TryGetObject(document.RootElement, "request", out var request) || PodImages.Text(request, "uid") is not { Length: > 0 } uid)
            {
                metrics.Review("malformed");
                await RefuseAsync(context, StatusCodes.Status400BadRequest, "The body is no AdmissionReview: it has no request with a uid.");
                return;
            }

            var version = PodImages.Text(document.RootElement, "apiVersion") ?? "admission.k8s.io/v1";
            await AnswerAsync(context, version, uid, Decide(request));
        }
        catch (Exception malformed) when (malformed is JsonException or BadHttpRequestException)
        {
            metrics.Review("malformed");
            await RefuseAsync(context, StatusCodes.Status400BadRequest, $"The body cannot be read as an AdmissionReview: {malformed.Message}");
        }
    }

    private PodVerdict Decide(JsonElement request)
    {
        try
        {
            var verdict = review.Decide(request);
            metrics.Review(verdict.Result);
            return verdict;
        }
        catch (Exception doubt) when (doubt is InvalidOperationException or FormatException or ArgumentException or KeyNotFoundException)
        {
            // A pod that cannot be understood must still start.
            metrics.Review("failed");
            Log.Failed(log, doubt);
            return PodVerdict.Skipped("failed");
        }
    }

    private static async Task AnswerAsync(HttpContext context, string version, string uid, PodVerdict verdict)
    {
        var patch = verdict.Patch.Count == 0 ? null : JsonSerializer.SerializeToUtf8Bytes(verdict.Patch, AdmissionJson.Default.IReadOnlyListPatchOperation);
        var answer = new ReviewAnswer(
            version, "AdmissionReview", new ReviewResponse(uid, Allowed: true, patch is null ? null : "JSONPatch", patch, verdict.Audit.Count == 0 ? null : verdict.Audit));
        var body = JsonSerializer.SerializeToUtf8Bytes(answer, AdmissionJson.Default.ReviewAnswer);
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
        [LoggerMessage(1701, LogLevel.Warning, "A review could not be understood and was allowed unchanged")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
