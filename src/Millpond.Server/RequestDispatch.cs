using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Millpond.Server.Access.Tokens;
using Millpond.Server.Admission;
using Millpond.Server.Catalog;
using Millpond.Server.Ecr;
using Millpond.Server.Operations;
using Millpond.Server.Registry;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Registry.Callers;

namespace Millpond.Server;

/// <summary>
/// Every request comes through here: which part of the server answers it, what becomes of failures nobody foresaw, and its access line.
/// </summary>
/// <param name="isOperationsApart">Whether operations have listeners of their own.</param>
/// <param name="admission">Answers reviews, where there are any.</param>
internal sealed partial class RequestDispatch(
    RegistryEndpoints registry, OperationsEndpoints operations, bool isOperationsApart, AdmissionEndpoint? admission, WelcomePage welcome,
    LoopbackNames names, AccessGate gate, AwsEndpoint aws, AccessLog? access, TimeProvider time, ILogger<RequestDispatch> log)
{
    /// <summary>What proxies write for a client that left before its answer; it is not sent.</summary>
    private const int ClientClosedRequest = 499;

    private const string Reading = "GET, HEAD";

    /// <summary>What is pulled was written by strangers: no browser may take it for a page of this server.</summary>
    private const string NoSniffing = "nosniff";

    public async Task InvokeAsync(HttpContext context)
    {
        var started = access is null ? 0 : time.GetTimestamp();
        context.Response.Headers.XContentTypeOptions = NoSniffing;
        RegistryAnswer answer;
        try
        {
            answer = await AnswerAsync(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            answer = new(ClientClosedRequest, 0, "client_gone", IsCut: true);
        }
        catch (BadHttpRequestException bad)
        {
            answer = await RefuseAsync(context, RegistryError.BadRequest(bad.StatusCode, bad.Message));
        }
        catch (CatalogUnreadableException unreadable)
        {
            Log.Unreadable(log, context.Request.Method, context.Request.Path, unreadable.Message);
            answer = await RefuseAsync(context, RegistryError.CatalogUnreadable);
        }
        catch (Exception failure)
        {
            Log.Failed(log, failure, context.Request.Method, context.Request.Path);
            answer = await RefuseAsync(context, RegistryError.Internal);
        }

        access?.Record(Describe(context, answer, time.GetElapsedTime(started)));
    }

    private ValueTask<RegistryAnswer> AnswerAsync(HttpContext context)
    {
        var listener = context.Features.Get<ServerListener>();
        var kind = listener?.Kind ?? ListenerKind.Main;
        if (listener is not null && !names.Answers(listener, context.Request.Host))
        {
            return RegistryErrorWriter.WriteAsync(context, RegistryError.NotMyName);
        }

        if (kind == ListenerKind.Admission && admission is not null)
        {
            return ReviewAsync(context, admission);
        }

        var door = new Door(listener?.Rule, listener is { IsLoopback: true });
        if (kind == ListenerKind.Operations)
        {
            return OperateAsync(context, door);
        }

        if (context.Request.Path.Value is null or "" or "/")
        {
            return kind == ListenerKind.Main && AwsEndpoint.IsFor(context.Request) ? CallAsync(context) : WelcomeAsync(context, door);
        }

        var isRegistry = context.Request.Path.Value is { Length: >= 3 } path && path.StartsWith("/v2", StringComparison.Ordinal);
        return isRegistry || isOperationsApart || kind == ListenerKind.Rule ? registry.AnswerAsync(context, door) : OperateAsync(context, door);
    }

    private static bool IsReading(HttpRequest request) => HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method);

    private static async ValueTask<RegistryAnswer> ReviewAsync(HttpContext context, AdmissionEndpoint admission)
    {
        var result = await admission.AnswerAsync(context);
        return new(context.Response.StatusCode, context.Response.ContentLength ?? 0, result);
    }

    private async ValueTask<RegistryAnswer> CallAsync(HttpContext context)
    {
        var outcome = await aws.AnswerAsync(context);
        return new(outcome.Status, context.Response.ContentLength ?? 0, outcome.Result);
    }

    private async ValueTask<RegistryAnswer> WelcomeAsync(HttpContext context, Door door)
    {
        if (!IsReading(context.Request))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed(Reading));
        }

        // Who may not know the rules is told what this is, and nothing of what it has.
        var isStranger = await gate.FindReportRefusalAsync(context, door) is not null;
        context.Response.Headers.Remove("WWW-Authenticate");
        await welcome.AnswerAsync(context, door.Rule, hasOperations: !isOperationsApart && door.Rule is null, isStranger);
        return new(context.Response.StatusCode, context.Response.ContentLength ?? 0, "ok");
    }

    private async ValueTask<RegistryAnswer> OperateAsync(HttpContext context, Door door)
    {
        var request = context.Request;
        if (operations.Find(request.Path) is not { } answer)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.OutsideApi);
        }

        if (!IsReading(request))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed(Reading));
        }

        if (!OperationsEndpoints.IsOpen(request.Path) && await gate.FindReportRefusalAsync(context, door) is { } refusal)
        {
            return await RegistryErrorWriter.WriteAsync(context, refusal);
        }

        await answer(context);
        return new(context.Response.StatusCode, context.Response.ContentLength ?? 0, "ok");
    }

    /// <summary>An answer that has begun cannot become an error: its connection is reset.</summary>
    private static async ValueTask<RegistryAnswer> RefuseAsync(HttpContext context, RegistryError error)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return new(error.Status, 0, error.Result, IsCut: true);
        }

        context.Response.Clear();
        RegistryHeaders.SetCommon(context.Response.Headers);
        return await RegistryErrorWriter.WriteAsync(context, error);
    }

    private AccessEntry Describe(HttpContext context, in RegistryAnswer answer, TimeSpan took)
    {
        var request = context.Request;

        // A query may hold a signature, which is as good as the call, or a layer's token.
        var isSecret = request.Path.Value is "" or "/" || request.Query.ContainsKey(RegistryTokens.LayerParameter);
        var path = request.QueryString.HasValue && !isSecret ? request.Path.Value + request.QueryString.Value : request.Path.Value;
        return new(
            time.GetUtcNow(), request.Method, path ?? "", answer.Status, answer.Bytes, took, answer.Result, answer.Rule, answer.IsCut,
            context.Connection.RemoteIpAddress, request.Headers.UserAgent);
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Warning, "{Method} {Path} was answered 503: {Reason}")]
        public static partial void Unreadable(ILogger logger, string method, PathString path, string reason);

        [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed inside this server")]
        public static partial void Failed(ILogger logger, Exception failure, string method, PathString path);
    }
}
