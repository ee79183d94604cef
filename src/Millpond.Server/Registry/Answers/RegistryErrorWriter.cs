using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Millpond.Server.Registry.Answers;

/// <summary>Writes an error, with the same headers for every verb and no body for HEAD.</summary>
public static class RegistryErrorWriter
{
    /// <summary>Three lines of a terminal. Programs that read a status line take at least some thousand characters.</summary>
    private const int LongestPhrase = 240;

    public static async ValueTask<RegistryAnswer> WriteAsync(HttpContext context, RegistryError error)
    {
        var response = context.Response;
        response.StatusCode = error.Status;
        context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = Phrase(error);
        if (error.RetryAfter is { } wait)
        {
            var seconds = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds));
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (error.Allow is not null)
        {
            response.Headers.Allow = error.Allow;
        }

        var sent = await RegistryJson.WriteAsync(context, "application/json", Serialize(error));
        return new(error.Status, sent, error.Result, error.Rule);
    }

    /// <summary>The error's body.</summary>
    public static ReadOnlyMemory<byte> Serialize(RegistryError error) => RegistryJson.Serialize(json =>
    {
        json.WriteStartArray("errors");
        json.WriteStartObject();
        json.WriteString("code", error.Code);
        json.WriteString("message", error.Message);
        WriteDetail(json, error);
        json.WriteEndObject();
        json.WriteEndArray();
    });

    /// <summary>
    /// The status line's words (HTTP/1.1 has them, HTTP/2 does not). Docker, containerd, podman, buildah and skopeo read no body of a 5xx, and a HEAD has none:
    /// these words are all that they show.
    /// </summary>
    public static string Phrase(RegistryError error)
    {
        var words = $"{ReasonPhrases.GetReasonPhrase(error.Status)}: {error.Message.Replace("…", "...", StringComparison.Ordinal)}";
        return string.Create(Math.Min(words.Length, LongestPhrase), words, static (phrase, words) =>
        {
            for (var i = 0; i < phrase.Length; i++)
            {
                // A status line is ASCII, and what ends it would begin a header.
                phrase[i] = words[i] is >= ' ' and <= '~' ? words[i] : '?';
            }
        });
    }

    private static void WriteDetail(Utf8JsonWriter json, RegistryError error)
    {
        if (error is { Rule: null, Upstream: null, Reason: null or "" })
        {
            return;
        }

        json.WriteStartObject("detail");
        WriteIfGiven(json, "rule", error.Rule);
        WriteIfGiven(json, "upstream", error.Upstream);
        WriteIfGiven(json, "reason", error.Reason);
        json.WriteEndObject();
    }

    private static void WriteIfGiven(Utf8JsonWriter json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            json.WriteString(name, value);
        }
    }
}
