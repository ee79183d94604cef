using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Millpond.Cli.Costs;

/// <summary>The costs of a running server, by <c>GET /-/cost</c>.</summary>
internal static class ServerCosts
{
    private const int Tries = 30;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(2);

    /// <exception cref="CommandFailedException">The server does not answer, or not with costs.</exception>
    public static async Task<JsonObject> ReadAsync(ServerAccess server, CancellationToken cancellationToken)
    {
        var url = new Uri(server.Url, "/-/cost");
        try
        {
            using var handler = server.CreateHandler();
            using var client = new HttpClient(handler) { Timeout = Patience };
            for (var left = Tries; ; left--)
            {
                using var response = await client.GetAsync(url, cancellationToken);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable || left == 1)
                {
                    return await ReadAsync(response, server, url, cancellationToken);
                }

                // A large catalog is being added up, or cannot be read for a moment.
                await Task.Delay(BetweenTries, TimeProvider.System, cancellationToken);
            }
        }
        catch (HttpRequestException e)
        {
            throw new CommandFailedException($"{url} did not give the costs: {server.Describe(e)}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException($"{url} did not answer within {Patience.TotalSeconds:0} s.", e);
        }
    }

    private static async Task<JsonObject> ReadAsync(HttpResponseMessage response, ServerAccess server, Uri url, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw new CommandFailedException($"{url} did not give the costs: {(int)response.StatusCode} {response.ReasonPhrase}. " + response.StatusCode switch
            {
                HttpStatusCode.NotFound =>
                    "It is no Millpond, an older one, or has a listener for operations (operations.listen): name that one with --server URL.",
                HttpStatusCode.Unauthorized => server.LoginRemedy,
                HttpStatusCode.Forbidden => "This login may not see reports: give it the policy Observer (millpond access).",
                _ => "Its log says more.",
            });
        }

        try
        {
            return JsonNode.Parse(text) is JsonObject report && report.ContainsKey("perMonth")
                ? report
                : throw new CommandFailedException($"{url} did not give the costs: it is no Millpond.");
        }
        catch (JsonException e)
        {
            throw new CommandFailedException($"{url} did not give the costs: {e.Message}", e);
        }
    }
}
