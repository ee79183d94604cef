using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Server.Cache.Lists;

/// <summary>The descriptor that the referrers API gives for a stored manifest: its annotations and artifact type come up with it.</summary>
internal static class ReferrerJson
{
    public static ReadOnlyMemory<byte> Describe(ManifestRow row)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var manifest = ForeignJson.TryParse(row.Content);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("mediaType", row.MediaType);
        json.WriteString("digest", row.Digest.ToString());
        json.WriteNumber("size", row.Content.Length);
        if (ManifestDocument.TryParse(row.Content, row.MediaType)?.ArtifactType is { } type)
        {
            json.WriteString("artifactType", type);
        }

        if (manifest?.RootElement.ValueKind == JsonValueKind.Object
            && manifest.RootElement.TryGetProperty("annotations", out var annotations) && annotations.ValueKind == JsonValueKind.Object)
        {
            json.WritePropertyName("annotations");
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(annotations), skipInputValidation: true);
        }

        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
