using System.Text.Json;
using Millpond.Images;

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
            return Read(await BoundedBody.ReadStartAsync(response, MaxBytes, cancellationToken));
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            // The status alone says enough.
            return null;
        }
    }

    private static RegistryErrorBody? Read(ReadOnlyMemory<byte> content)
    {
        using var document = ForeignJson.TryParse(content);
        return document?.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Array
            && errors.GetArrayLength() > 0 && errors[0].ValueKind == JsonValueKind.Object
                ? new RegistryErrorBody(errors[0].TextOf("code") ?? "", errors[0].TextOf("message") ?? "")
                : null;
    }

    /// <summary>Whether it is a registry's: the distribution spec's codes are upper-case words.</summary>
    public bool IsRegistrys => Code.Length > 0 && Code.All(c => char.IsAsciiLetterUpper(c) || c == '_');

    /// <summary>For a reason: on one line, without anything secret that it repeats.</summary>
    public string Quote(SecretWords words) => words.Quote(Message.Length == 0 ? Code : $"{Code}: {Message}", MaxQuote);
}
