using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Millpond.Server.Registry.Answers;

/// <summary>Answers with one JSON object of known length.</summary>
internal static class RegistryJson
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The object whose members <paramref name="members"/> writes.</summary>
    public static ReadOnlyMemory<byte> Serialize(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <summary>Sends it, without a body for HEAD; returns the bytes sent.</summary>
    public static async ValueTask<long> WriteAsync(HttpContext context, string mediaType, ReadOnlyMemory<byte> body)
    {
        var response = context.Response;
        response.ContentType = mediaType;
        response.ContentLength = body.Length;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return 0;
        }

        await response.BodyWriter.WriteAsync(body, context.RequestAborted);
        return body.Length;
    }

    public static ValueTask<long> WriteAsync(HttpContext context, string mediaType, Action<Utf8JsonWriter> members) =>
        WriteAsync(context, mediaType, Serialize(members));
}
