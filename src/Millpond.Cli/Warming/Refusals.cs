using System.Net;
using System.Text.Json;

namespace Millpond.Cli.Warming;

/// <summary>What follows from an attempt.</summary>
internal enum Next
{
    Nothing,

    /// <summary>It may pass: once more, soon.</summary>
    Again,

    /// <summary>The server asks to wait.</summary>
    Wait,
}

/// <summary>An attempt's end: done where there is no failure.</summary>
internal sealed record Attempt(string? Failure, Next Next, TimeSpan Wait = default)
{
    public static Attempt Done { get; } = new(null, Next.Nothing);

    public static Attempt Final(string failure) => new(failure, Next.Nothing);

    public static Attempt Again(string failure) => new(failure, Next.Again);
}

/// <summary>Answers that are errors: in words, and with what follows from them.</summary>
internal static class Refusals
{
    /// <summary>A 429 that does not say how long.</summary>
    private static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(30);

    public static async Task<Attempt> ReadAsync(HttpResponseMessage response, TimeProvider time, CancellationToken cancellationToken)
    {
        var (code, reason) = Describe(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        var status = response.StatusCode;
        var failure = $"{(int)status}{(code is null ? "" : " " + code)}{(reason is null ? "" : ": " + reason)}";
        var asked = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return status switch
        {
            HttpStatusCode.TooManyRequests => new Attempt(failure, Next.Wait, AtLeastASecond(asked ?? DefaultWait)),
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout when asked is { } wait => new Attempt(failure, Next.Wait, AtLeastASecond(wait)),

            // The upstream has refused the server's own credential: no waiting helps.
            HttpStatusCode.BadGateway when code == "DENIED" => Attempt.Final(failure),
            >= HttpStatusCode.InternalServerError or HttpStatusCode.RequestTimeout => Attempt.Again(failure),
            _ => Attempt.Final(failure),
        };
    }

    public static bool CameFromUpstream(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Millpond-Cache", out var values) && values.First() is "miss" or "revalidated";

    private static TimeSpan AtLeastASecond(TimeSpan wait) => wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1);

    /// <summary>The code and the reason of an error as the distribution spec has it, with the detail that the server gives.</summary>
    private static (string? Code, string? Reason) Describe(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var error = json.RootElement.GetProperty("errors")[0];
            var detail = error.TryGetProperty("detail", out var given) && given.ValueKind == JsonValueKind.Object ? given : error;
            return (Text(error, "code"), Text(detail, "reason") ?? Text(error, "message"));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            return (null, null);
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
