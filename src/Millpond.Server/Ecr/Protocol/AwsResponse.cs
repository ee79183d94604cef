using System.Buffers;
using System.Security;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Millpond.Server.Ecr.Protocol;

/// <summary>Writes answers and errors of the JSON protocol, and those of STS, which are XML.</summary>
internal static class AwsResponse
{
    private const string Json = "application/x-amz-json-1.1";
    private const string StsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Task WriteAsync(HttpContext context, JsonObject answer)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            answer.WriteTo(json);
        }

        return WriteAsync(context, StatusCodes.Status200OK, Json, buffer.WrittenMemory);
    }

    public static Task WriteAsync(HttpContext context, AwsError error, string messageKey)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            json.WriteString("__type", error.Type);
            json.WriteString(messageKey, error.Message);
            foreach (var (name, value) in error.Members ?? new Dictionary<string, JsonNode>())
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }

            json.WriteEndObject();
        }

        context.Response.Headers["x-amzn-errortype"] = error.Type;
        return WriteAsync(context, error.Status, Json, buffer.WrittenMemory);
    }

    public static Task WriteXmlAsync(HttpContext context, AwsError error, string requestId)
    {
        var fault = error.Status >= StatusCodes.Status500InternalServerError ? "Receiver" : "Sender";
        return WriteXmlAsync(context, error.Status, $"""
            <ErrorResponse xmlns="{StsNamespace}">
              <Error>
                <Type>{fault}</Type>
                <Code>{Escape(error.Type)}</Code>
                <Message>{Escape(error.Message)}</Message>
              </Error>
              <RequestId>{requestId}</RequestId>
            </ErrorResponse>
            """);
    }

    public static Task WriteIdentityAsync(HttpContext context, string arn, string userId, string account, string requestId) =>
        WriteXmlAsync(context, StatusCodes.Status200OK, $"""
            <GetCallerIdentityResponse xmlns="{StsNamespace}">
              <GetCallerIdentityResult>
                <Arn>{Escape(arn)}</Arn>
                <UserId>{Escape(userId)}</UserId>
                <Account>{account}</Account>
              </GetCallerIdentityResult>
              <ResponseMetadata>
                <RequestId>{requestId}</RequestId>
              </ResponseMetadata>
            </GetCallerIdentityResponse>
            """);

    private static string? Escape(string text) => SecurityElement.Escape(text);

    private static Task WriteXmlAsync(HttpContext context, int status, string text) => WriteAsync(context, status, "text/xml", Encoding.UTF8.GetBytes(text + "\n"));

    private static async Task WriteAsync(HttpContext context, int status, string mediaType, ReadOnlyMemory<byte> body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = mediaType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.BodyWriter.WriteAsync(body, context.RequestAborted);
    }
}
