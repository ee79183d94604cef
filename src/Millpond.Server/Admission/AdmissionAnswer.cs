using System.Buffers;
using System.Text.Json;

namespace Millpond.Server.Admission;

/// <summary>The answer's side of admission.k8s.io/v1, written member by member: the serializer takes twice as long for it.</summary>
internal static class AdmissionAnswer
{
    /// <summary>Bytes that most answers fit in, and most patches.</summary>
    private const int Usual = 2048;

    private static readonly JsonWriterOptions Plain = new() { Encoder = AdmissionJson.Encoder };

    /// <summary>An AdmissionReview that allows, with what is to be changed and what is to be noted.</summary>
    public static ReadOnlyMemory<byte> Write(string version, string uid, PodVerdict verdict)
    {
        var body = new ArrayBufferWriter<byte>(Usual);
        using var json = new Utf8JsonWriter(body, Plain);
        json.WriteStartObject();
        json.WriteString("apiVersion"u8, version);
        json.WriteString("kind"u8, "AdmissionReview"u8);
        json.WriteStartObject("response"u8);
        json.WriteString("uid"u8, uid);
        json.WriteBoolean("allowed"u8, true);
        if (verdict.Patch.Count > 0)
        {
            // Left out together where nothing changes: one without the other fails the request.
            json.WriteString("patchType"u8, "JSONPatch"u8);
            json.WriteBase64String("patch"u8, WritePatch(verdict.Patch).Span);
        }

        if (verdict.Audit.Count > 0)
        {
            json.WritePropertyName("auditAnnotations"u8);
            WriteTexts(json, verdict.Audit);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenMemory;
    }

    /// <summary>A JSON patch.</summary>
    public static ReadOnlyMemory<byte> WritePatch(IReadOnlyList<PatchOperation> operations)
    {
        var patch = new ArrayBufferWriter<byte>(Usual);
        using var json = new Utf8JsonWriter(patch, Plain);
        json.WriteStartArray();
        foreach (var operation in operations)
        {
            json.WriteStartObject();
            json.WriteString("op"u8, operation.Op);
            json.WriteString("path"u8, operation.Path);
            if (operation.Value is string text)
            {
                json.WriteString("value"u8, text);
            }
            else
            {
                json.WritePropertyName("value"u8);
                WriteTexts(json, (IReadOnlyDictionary<string, string>)operation.Value);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.Flush();
        return patch.WrittenMemory;
    }

    private static void WriteTexts(Utf8JsonWriter json, IReadOnlyDictionary<string, string> texts)
    {
        json.WriteStartObject();
        foreach (var (name, text) in texts)
        {
            json.WriteString(name, text);
        }

        json.WriteEndObject();
    }
}
