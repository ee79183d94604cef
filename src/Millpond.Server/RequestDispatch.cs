using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Millpond.Server.Admission;
using Millpond.Server.Operations;
using Millpond.Server.Registry;

namespace Millpond.Server;

/// <summary>
/// Every request comes through here: which part of the server answers it, what becomes of failures nobody foresaw, and its access line.
/// </summary>
/// <param name="isOperationsApart">Whether operations have listeners of their own.</param>
/// <param name="admission">Answers reviews, where there are any.</param>
internal sealed partial class RequestDispatch(
    RegistryEndpoints registry, OperationsEndpoints operations, bool isOperationsApart, AdmissionEndpoint? admission,
    AccessLog? access, TimeProvider time, ILogger<RequestDispatch> log)
{
    /// <summary>What proxies write for a client that left before its answer; it is not sent.</summary>
    private const int ClientClosedRequest = 499;

    public async Task InvokeAsync(HttpContext context)
    {
        var started = access is null ? 0 : time.GetTimestamp();
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
        if (kind == ListenerKind.Admission && admission is not null)
        {
            return ReviewAsync(context, admission);
        }

        if (kind == ListenerKind.Operations)
        {
            return OperateAsync(context);
        }

        var isRegistry = context.Request.Path.Value is { Length: >= 3 } path && path.StartsWith("/v2", StringComparison.Ordinal);
        return isRegistry || isOperationsApart || kind == ListenerKind.Rule ? registry.AnswerAsync(context, listener?.Rule) : OperateAsync(context);
    }

    private static async ValueTask<RegistryAnswer> ReviewAsync(HttpContext context, AdmissionEndpoint admission)
    {
        var result = await admission.AnswerAsync(context);
        return new(context.Response.StatusCode, context.Response.ContentLength ?? 0, result);
    }

    private async ValueTask<RegistryAnswer> OperateAsync(HttpContext context)
    {
        var request = context.Request;
        if (operations.Find(request.Path) is not { } answer)
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.OutsideApi);
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return await RegistryErrorWriter.WriteAsync(context, RegistryError.MethodNotAllowed("GET, HEAD"));
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
        context.Response.Headers[RegistryHeaders.ApiVersion] = RegistryHeaders.ApiVersionValue;
        return await RegistryErrorWriter.WriteAsync(context, error);
    }

    private AccessEntry Describe(HttpContext context, in RegistryAnswer answer, TimeSpan took)
    {
        var request = context.Request;
        var path = request.QueryString.HasValue ? request.Path.Value + request.QueryString.Value : request.Path.Value;
        return new(
            time.GetUtcNow(), request.Method, path ?? "", answer.Status, answer.Bytes, took, answer.Result, answer.Rule, answer.IsCut,
            context.Connection.RemoteIpAddress, request.Headers.UserAgent);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed inside this server")]
        public static partial void Failed(ILogger logger, Exception failure, string method, PathString path);
    }
}
