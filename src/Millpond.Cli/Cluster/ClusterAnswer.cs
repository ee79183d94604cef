using System.Net;
using System.Text.Json;

namespace Millpond.Cli.Cluster;

/// <summary>An API server's document, or why there is none.</summary>
internal sealed record ClusterAnswer(JsonDocument? Document, HttpStatusCode Status, string Why) : IDisposable
{
    /// <summary>The continue token has grown too old; the list must begin again.</summary>
    public bool IsGone => Status == HttpStatusCode.Gone;

    public static async Task<ClusterAnswer> GetAsync(ClusterConnection connection, string path, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await connection.GetAsync(path, cancellationToken);
            await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
            return response.IsSuccessStatusCode
                ? new ClusterAnswer(await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken), response.StatusCode, "")
                : new ClusterAnswer(null, response.StatusCode, await DescribeAsync(response, body, cancellationToken));
        }
        catch (JsonException e)
        {
            return new ClusterAnswer(null, default, $"the answer is not JSON: {e.Message}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException || e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException($"The API server at {connection.Server} does not answer: {e.Message}", e);
        }
    }

    public void Dispose() => Document?.Dispose();

    /// <summary>The message of a Status object, which says who may not do what.</summary>
    private static async Task<string> DescribeAsync(HttpResponseMessage response, Stream body, CancellationToken cancellationToken)
    {
        var status = $"{(int)response.StatusCode} {response.ReasonPhrase}";
        try
        {
            using var json = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
            return json.RootElement.TryGetProperty("message", out var message) && message.GetString() is { Length: > 0 } text ? $"{status}: {text}" : status;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return status;
        }
    }
}
