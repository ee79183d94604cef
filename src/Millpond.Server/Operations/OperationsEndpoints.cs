using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;

namespace Millpond.Server.Operations;

/// <summary>Health, metrics and reports, on the listener that is theirs.</summary>
/// <param name="scrape">Answers with the metrics.</param>
/// <param name="costs">Answers with what all of it costs.</param>
public sealed class OperationsEndpoints(
    Func<ServerConfiguration> configuration, Readiness readiness, Func<IReadOnlyList<UpstreamState>> upstreams, TimeProvider time, RequestDelegate scrape,
    RequestDelegate costs)
{
    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether everybody may ask: orchestrators have no login.</summary>
    public static bool IsOpen(PathString path) => path.Value is EndpointList.Healthy or EndpointList.Ready;

    /// <summary>What answers a path; null for a path that is not one of these.</summary>
    public RequestDelegate? Find(PathString path) => path.Value switch
    {
        // On listeners of their own there is nothing else at the root.
        "/" or EndpointList.Here => WriteListAsync,
        EndpointList.Healthy => context => WriteTextAsync(context, StatusCodes.Status200OK, "alive\n"),
        EndpointList.Ready => AnswerReadyAsync,
        EndpointList.Metrics => scrape,
        EndpointList.Rules => context => WriteJsonAsync(context, json => RulesReport.Write(json, configuration())),
        EndpointList.Upstreams => context => WriteJsonAsync(context, json => UpstreamsReport.Write(json, upstreams(), time.GetUtcNow())),
        EndpointList.Cost => costs,
        _ => null,
    };

    private async Task AnswerReadyAsync(HttpContext context)
    {
        var problems = await readiness.FindProblemsAsync();
        await (problems.Count == 0
            ? WriteTextAsync(context, StatusCodes.Status200OK, readiness.Limitation() is { Length: > 0 } limitation ? $"ready, but: {limitation}\n" : "ready\n")
            : WriteTextAsync(context, StatusCodes.Status503ServiceUnavailable, string.Join('\n', problems) + "\n"));
    }

    private static Task WriteListAsync(HttpContext context)
    {
        var page = Page.For(context.Request);
        EndpointList.Write(page);
        return page.WriteAsync(context);
    }

    internal static Task WriteTextAsync(HttpContext context, int status, string text) =>
        WriteAsync(context, status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text));

    internal static Task WriteJsonAsync(HttpContext context, Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Indented))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return WriteAsync(context, StatusCodes.Status200OK, "application/json", buffer.WrittenMemory);
    }

    internal static async Task WriteAsync(HttpContext context, int status, string mediaType, ReadOnlyMemory<byte> body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.BodyWriter.WriteAsync(body, context.RequestAborted);
        }
    }
}
