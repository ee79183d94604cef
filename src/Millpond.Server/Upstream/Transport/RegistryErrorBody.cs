using System.Text.Json;

namespace Millpond.Server.Upstream.Transport;

/// <summary>The first error of a registry's error document: <c>{"errors":[{"code":"…","message":"…"}]}</c>.</summary>
internal sealed record RegistryErrorBody(string Code, string Message)
{
    private const int MaxBytes = 16 * 1024;
    private const int MaxQuote = 200;

    /// <summary>The error in a response's body; null where there is none to be understood, or it does not come in time.</summary>
    public static async Task<RegistryErrorBody?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            var content = await BoundedBody.ReadStartAsync(response, MaxBytes, cancellationToken);
            using var document = JsonDocument.Parse(content);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("errors", out var errors)
                || errors.ValueKind != JsonValueKind.Array
                || errors.GetArrayLength() == 0
                || errors[0].ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            return new RegistryErrorBody(Text(errors[0], "code"), Text(errors[0], "message"));
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException or OperationCanceledException)
        {
            // The status alone says enough.
            return null;
        }
    }

    /// <summary>For a reason, on one line.</summary>
    public override string ToString() => Words.Quote(Message.Length == 0 ? Code : $"{Code}: {Message}", MaxQuote);

    private static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";
}
