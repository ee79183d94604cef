using System.Net;
using System.Text.Json;
using Millpond.Images;

namespace Millpond.Cli.RuleSources;

/// <summary>The rules of a running server, by <c>GET /-/rules</c>.</summary>
internal static class ServerRules
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="server">Where it tells its rules.</param>
    /// <param name="name">What the cache is called where it does not say itself.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    /// <exception cref="CommandFailedException">The server does not answer, or not with rules.</exception>
    public static async Task<RuleSource> ReadAsync(ServerAccess server, string name, CancellationToken cancellationToken)
    {
        var url = new Uri(server.Url, "/-/rules");
        try
        {
            using var handler = server.CreateHandler();
            using var client = new HttpClient(handler) { Timeout = Patience };
            await using var body = await client.GetStreamAsync(url, cancellationToken);
            using var json = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
            return Read(json.RootElement, name);
        }
        catch (HttpRequestException e) when (e.StatusCode is HttpStatusCode.NotFound)
        {
            throw new CommandFailedException(
                $"{url} did not give the rules: 404 Not Found. It is no Millpond, or has a listener for operations (operations.listen): name that one with --operations URL.", e);
        }
        catch (HttpRequestException e)
        {
            throw new CommandFailedException($"{url} did not give the rules: {server.Describe(e)}", e);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new CommandFailedException($"{url} did not give the rules: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException($"{url} did not answer within {Patience.TotalSeconds:0} s.", e);
        }
    }

    private static RuleSource Read(JsonElement root, string name)
    {
        var rules = root.GetProperty("rules").EnumerateArray().Select(rule => new RewriteMapping(RuleNamesJson.Read(rule)));
        var dormant = root.TryGetProperty("dormant", out var presets)
            ? presets.EnumerateArray().Select(preset => new RewriteMapping(RuleNamesJson.Read(preset), Enabled: false))
            : [];
        return new RuleSource(root.TextOf("registry") ?? name, [.. rules, .. dormant], TierNames.All);
    }
}
