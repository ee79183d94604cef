using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Admission;

/// <summary>
/// <c>POST /admit</c>: an AdmissionReview in, one out. Whatever it does not understand it allows unchanged and counts; only a body
/// without a request to answer is refused, which the webhook's failure policy then ignores.
/// </summary>
internal sealed partial class AdmissionEndpoint
{
    public const string Path = "/admit";

    private const string Malformed = "malformed";
    private const string NoCertificate = "no_certificate";

    /// <summary>What a review's version is where it says none.</summary>
    public const string Version = "admission.k8s.io/v1";

    /// <summary>API servers take no object of more than 3 MiB; a review that is larger, with its old object, is allowed unread.</summary>
    private const long LargestReview = 3L * 1024 * 1024;

    /// <summary>More is no review, and not even read to its end.</summary>
    private const long LargestBody = 16L * 1024 * 1024;

    /// <summary>Istio's injector looks for this very word.</summary>
    private const string FilledInLater = "auto";

    private const int Deepest = 1000;

    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = Deepest };

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Some twenty of the largest reviews, or thousands of usual ones.</summary>
    private readonly ByteRoom room = new(64L * 1024 * 1024);
    private readonly Lock changing = new();
    private readonly MillpondMetrics metrics;
    private readonly ILogger<AdmissionEndpoint> log;
    private readonly bool demandsCertificate;
    private volatile PodReview review;

    private AdmissionEndpoint(ServerConfiguration configuration, MillpondMetrics metrics, ILogger<AdmissionEndpoint> log)
    {
        (this.metrics, this.log) = (metrics, log);
        demandsCertificate = configuration.Admission.ClientAuthority is not null;
        review = ReviewOf(configuration);
    }

    /// <summary>What answers the reviews of a configuration in which they are on, by the rules of the moment.</summary>
    public static AdmissionEndpoint Create(PullThroughRules rules, MillpondMetrics metrics, ILogger<AdmissionEndpoint> log)
    {
        var endpoint = new AdmissionEndpoint(rules.Configuration, metrics, log);
        rules.Changed += () =>
        {
            // Read within: of two changes at once the later one is used.
            lock (endpoint.changing)
            {
                endpoint.review = ReviewOf(rules.Configuration);
            }
        };
        return endpoint;
    }

    private static PodReview ReviewOf(ServerConfiguration configuration)
    {
        var admission = configuration.Admission;
        var registry = admission.Registry ?? throw new ArgumentException("Reviews without a registry passed the checks.", nameof(configuration));
        // A repository in ECR that is called like a rule is only moved when its registry is named: on any doubt, nothing is changed.
        var options = new RewriteOptions { OldRegistries = admission.OldRegistries, MoveFromEcr = false, Placeholders = [FilledInLater] };
        var rules = new RewriteRules(registry, RewriteMappings.Of(configuration, admission.Tiers), options);
        return new(rules, new ReviewScope(admission), new ObjectAudit(rules, registry));
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

        // One that is shown was found good in the handshake.
        if (demandsCertificate && context.Connection.ClientCertificate is null)
        {
            await RefuseAsync(context, StatusCodes.Status403Forbidden, "Reviews are answered to who shows a client's certificate (admission.clientCa): the API server's admission configuration must name one for this host.");
            metrics.Review(NoCertificate);
            return NoCertificate;
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = context.Request.ContentLength is null ? LargestReview : LargestBody;
        }

        var result = await ReviewAsync(context);
        metrics.Review(result);
        return result;
    }

    private async ValueTask<string> ReviewAsync(HttpContext context)
    {
        // A body of unknown length may turn out to be as long as one may be.
        var length = context.Request.ContentLength ?? LargestReview;
        if (length > LargestReview)
        {
            return await AllowUnreadAsync(context, "too-large");
        }

        if (!room.TryTake(length))
        {
            return await AllowUnreadAsync(context, "busy");
        }

        try
        {
            return await ReadAndDecideAsync(context);
        }
        finally
        {
            room.Return(length);
        }
    }

    private async ValueTask<string> AllowUnreadAsync(HttpContext context, string reason)
    {
        try
        {
            if (await ReviewGlance.ReadAsync(context.Request.Body, context.RequestAborted) is { } glance)
            {
                var verdict = PodVerdict.Skipped(reason);
                Log.Unread(log, reason);
                await AnswerAsync(context, glance.Version, glance.Uid, verdict);
                return verdict.Result.Replace('-', '_');
            }

            await RefuseAsync(context, StatusCodes.Status413PayloadTooLarge, "The body is too large to be read, and has no request with a uid at its start.");
            return Malformed;
        }
        catch (BadHttpRequestException bad) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, bad.StatusCode, $"The body cannot be read as an AdmissionReview: {bad.Message}");
            return Malformed;
        }
    }

    private async ValueTask<string> ReadAndDecideAsync(HttpContext context)
    {
        try
        {
            using var document = await ParseAsync(context.Request, context.RequestAborted);
            if (!PodImages.TryGetObject(document.RootElement, "request", out var request) || PodImages.Text(request, "uid") is not { Length: > 0 } uid)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, "The body is no AdmissionReview: it has no request with a uid.");
                return Malformed;
            }

            var version = PodImages.Text(document.RootElement, "apiVersion") ?? Version;
            var verdict = Decide(request);
            await AnswerAsync(context, version, uid, verdict);
            return verdict.Result.Replace('-', '_');
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or BadHttpRequestException && !context.Response.HasStarted)
        {
            var status = malformed is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status400BadRequest;
            await RefuseAsync(context, status, $"The body cannot be read as an AdmissionReview{Where(malformed)}.");
            return Malformed;
        }
    }

    /// <summary>Into memory of the body's own length: the parser by itself doubles what it rents, and a burst of reviews leaves the pool full of that.</summary>
    private static async Task<JsonDocument> ParseAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength is not { } length)
        {
            return await JsonDocument.ParseAsync(request.Body, Deep, cancellationToken);
        }

        var body = GC.AllocateUninitializedArray<byte>((int)length);
        await request.Body.ReadExactlyAsync(body, cancellationToken);
        var text = body.AsMemory(body.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0);
        return JsonDocument.Parse(text[..ReviewExcerpt.TakeOut(text.Span, Deepest)], Deep);
    }

    /// <summary>Without the parser's own words, which quote the body: a pod has secrets in it.</summary>
    private static string Where(Exception malformed) => malformed switch
    {
        JsonException { LineNumber: { } line, BytePositionInLine: { } position } => $": it is no JSON at line {line + 1}, byte {position + 1}",
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => $": it is longer than {LargestBody} bytes",
        _ => "",
    };

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
        var body = AdmissionAnswer.Write(version, uid, verdict);
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
        [LoggerMessage(2, LogLevel.Warning, "A review was allowed unread ({Reason}): too large, or too many at once")]
        public static partial void Unread(ILogger logger, string reason);

        [LoggerMessage(1, LogLevel.Warning, "A review could not be understood and was allowed unchanged")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
