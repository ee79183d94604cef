using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Millpond.Server.Access;
using Millpond.Server.Access.Signatures;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr.Protocol;
using Millpond.Server.Telemetry;

namespace Millpond.Server.Ecr;

/// <summary>What became of a call, for the access log.</summary>
public readonly record struct AwsOutcome(int Status, string Result);

/// <summary>
/// <c>POST /</c>: whose call it is, what it asks for, whether he may, and the answer. <c>X-Amz-Target</c> says which service; a form is
/// STS's.
/// </summary>
internal sealed partial class AwsEndpoint(
    IReadOnlyList<AwsService> services, Principals principals, Authorizer authorizer, AuditLog audit, Uri? publicUrl, MillpondMetrics metrics,
    TimeProvider time, ILogger<AwsEndpoint> log)
{
    private const string Sts = "sts";
    private const string TargetHeader = "x-amz-target";
    private const int LongestForm = 64 * 1024;

    private readonly BodyRoom room = new();

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>Whether a request at the root is one of these.</summary>
    public static bool IsFor(HttpRequest request) =>
        HttpMethods.IsPost(request.Method) || request.Query.ContainsKey(SignableRequest.PresignedSignature);

    public async ValueTask<AwsOutcome> AnswerAsync(HttpContext context)
    {
        var requestId = Guid.NewGuid().ToString();
        context.Response.Headers["x-amzn-RequestId"] = requestId;
        var target = context.Request.Headers[TargetHeader];
        var (service, operation) = Find(target);
        var attempt = new Attempt(requestId, service, operation);
        var name = service?.Name ?? (StringValues.IsNullOrEmpty(target) ? Sts : "unknown");
        AwsError error;
        try
        {
            var outcome = StringValues.IsNullOrEmpty(target) ? await AnswerStsAsync(context, attempt) : await AnswerJsonAsync(context, attempt);
            metrics.Call(name, outcome.Result);
            return outcome;
        }
        catch (AwsErrorException refused)
        {
            error = refused.Error;
        }
        catch (BadHttpRequestException bad)
        {
            error = bad.StatusCode == StatusCodes.Status413PayloadTooLarge ? AwsError.TooLarge : new(400, "MalformedHttpRequestException", "The request could not be read.");
        }
        catch (Exception failure) when (failure is CatalogUnreadableException or CatalogUnwrittenException)
        {
            error = AwsError.Unavailable;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // What went wrong inside names files and variables of this machine: for the log alone, where the request's id finds it.
            Log.Failed(log, failure, attempt.Action, requestId);
            error = AwsError.Internal;
        }

        audit.Record(attempt.Who, context.Connection.RemoteIpAddress, attempt.Action, attempt.Resource, error.Type, error.Message, requestId);
        metrics.Call(name, error.Type);
        await (StringValues.IsNullOrEmpty(target) ? AwsResponse.WriteXmlAsync(context, error, requestId) : AwsResponse.WriteAsync(context, error, service?.MessageKey ?? "message"));
        return new(error.Status, error.Type);
    }

    private (AwsService? Service, AwsOperation? Operation) Find(StringValues target)
    {
        var text = target.ToString();
        var dot = text.LastIndexOf('.');
        var service = dot < 0 ? null : services.FirstOrDefault(known => known.TargetPrefix == text[..dot]);
        return (service, service?.Find(text[(dot + 1)..]));
    }

    private async ValueTask<AwsOutcome> AnswerJsonAsync(HttpContext context, Attempt attempt)
    {
        var request = new AwsRequest(context, room);
        var claims = request.ReadClaims();

        // What is unknown is told to those alone who have a key for something here.
        var name = attempt.Service?.Name ?? services.FirstOrDefault(known => known.Name == claims.Service)?.Name ?? services[0].Name;
        var (key, body) = await request.AuthenticateAsync(principals, claims, name, attempt.Operation?.LongestBody ?? LongestForm, time.GetUtcNow());
        attempt.Who = key.Principal.Arn.Text;
        if (attempt is not { Service: { } service, Operation: { } operation })
        {
            throw new AwsErrorException(AwsError.UnknownOperation);
        }

        using var json = Parse(body);
        if (operation.Input.CheckMembers(json.RootElement, "") is { } wrong)
        {
            throw new AwsErrorException(wrong.IsWrongType ? AwsError.Of("SerializationException", $"{wrong.Constraint}: '{wrong.Path}'") : service.Invalid(wrong));
        }

        if (service.Refuse?.Invoke(new(json.RootElement)) is { } refused)
        {
            throw new AwsErrorException(refused);
        }

        var call = new AwsCall(operation, new(json.RootElement), key, request.Origin, RegistryUrl(context), time.GetUtcNow(), context.RequestAborted);
        await AuthorizeAsync(call, service, attempt);
        var answer = await operation.Run(call);
        audit.Record(attempt.Who, request.Origin.Address, attempt.Action, attempt.Resource, "ok", "", attempt.RequestId);
        await AwsResponse.WriteAsync(context, answer);
        return new(StatusCodes.Status200OK, "ok");
    }

    private async Task AuthorizeAsync(AwsCall call, AwsService service, Attempt attempt)
    {
        if (call.Operation.IsOpen)
        {
            return;
        }

        foreach (var resource in call.Operation.Resources(call))
        {
            attempt.Resource = resource.Arn;
            var decision = await authorizer.DecideAsync(
                call.Caller, attempt.Action, resource.Arn, resource.Repository, call.Origin, call.Operation.Tags?.Invoke(call.Input));
            if (!decision.IsAllowed)
            {
                var because = decision.Unknown is null ? decision.Because : $"{decision.Because} (this server does not know the condition '{decision.Unknown}')";
                throw new AwsErrorException(AwsError.NotAuthorized(attempt.Who, attempt.Action, resource.Arn, because));
            }
        }
    }

    private async ValueTask<AwsOutcome> AnswerStsAsync(HttpContext context, Attempt attempt)
    {
        var request = new AwsRequest(context, room);
        var (key, body) = await request.AuthenticateAsync(principals, request.ReadClaims(), Sts, LongestForm, time.GetUtcNow());
        var arn = key.Principal.Arn;
        attempt.Who = arn.Text;
        if (!IsIdentityAction(request.Signable, body))
        {
            throw new AwsErrorException(new AwsError(400, "InvalidAction", "Could not find operation for version 2011-06-15"));
        }

        attempt.Name = "sts:GetCallerIdentity";
        audit.Record(arn.Text, request.Origin.Address, attempt.Action, "*", "ok", "", attempt.RequestId);
        await AwsResponse.WriteIdentityAsync(context, arn.Text, UserId.Of(arn), arn.Account, attempt.RequestId);
        return new(StatusCodes.Status200OK, "ok");
    }

    /// <summary>In the query where it was signed beforehand, else in the form.</summary>
    private static bool IsIdentityAction(SignableRequest request, ReadOnlyMemory<byte> body)
    {
        var form = new SignableRequest("", "", Encoding.UTF8.GetString(body.Span), _ => null);
        return (form.Parameter("Action") ?? request.Parameter("Action")) == "GetCallerIdentity";
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        JsonDocument? json = null;
        try
        {
            json = JsonDocument.Parse(body, Strict);
            return json.RootElement.ValueKind == JsonValueKind.Object ? json : throw new AwsErrorException(AwsError.NotJson);
        }
        catch (Exception failure) when (failure is JsonException or AwsErrorException or InvalidOperationException)
        {
            json?.Dispose();
            throw new AwsErrorException(AwsError.NotJson);
        }
    }

    private Uri RegistryUrl(HttpContext context) => publicUrl
        ?? (Uri.TryCreate($"{context.Request.Scheme}://{context.Request.Host.Value}", UriKind.Absolute, out var called) ? called
            : throw new AwsErrorException("MalformedHttpRequestException", "The Host header is no name of a host."));

    /// <summary>What is known of a call so far, for its line.</summary>
    private sealed class Attempt(string requestId, AwsService? service, AwsOperation? operation)
    {
        public string RequestId => requestId;

        public AwsService? Service => service;

        public AwsOperation? Operation => operation;

        public string Who { get; set; } = "unknown";

        public string Resource { get; set; } = "*";

        public string? Name { get; set; }

        public string Action => Name ?? (service is not null && operation is not null ? service.ActionOf(operation) : $"{service?.Name ?? Sts}:unknown");
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Action} failed inside this server (request {RequestId})")]
        public static partial void Failed(ILogger logger, Exception failure, string action, string requestId);
    }
}
