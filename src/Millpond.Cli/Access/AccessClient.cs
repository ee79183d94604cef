using System.Text;
using System.Text.Json.Nodes;
using Millpond.Server.Access.Signatures;

namespace Millpond.Cli.Access;

/// <summary>Calls the server's own operations, signed as AWS tools sign theirs.</summary>
internal sealed class AccessClient(ServerAccess server, AwsCredentials credentials, TimeProvider time) : IDisposable
{
    private const string Service = "millpond";
    private const string Region = "us-east-1";

    private readonly HttpClient http = new(server.CreateHandler()) { Timeout = TimeSpan.FromSeconds(30) };

    /// <exception cref="CommandFailedException">The server refused it, or does not answer.</exception>
    public Task<JsonNode> CallAsync(string operation, JsonObject input, CancellationToken cancellationToken) =>
        CallAsync(Service, $"Millpond_V1.{operation}", input, cancellationToken);

    /// <inheritdoc cref="CallAsync(string, JsonObject, CancellationToken)"/>
    public Task<JsonNode> CallEcrAsync(string operation, JsonObject input, CancellationToken cancellationToken) =>
        CallAsync("ecr", $"AmazonEC2ContainerRegistry_V20150921.{operation}", input, cancellationToken);

    public void Dispose() => http.Dispose();

    private async Task<JsonNode> CallAsync(string service, string target, JsonObject input, CancellationToken cancellationToken)
    {
        using var request = SignedCall.Make(server.Url, Region, service, target, Encoding.UTF8.GetBytes(input.ToJsonString()), credentials, time.GetUtcNow());
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            var answer = Parse(text) ?? throw new CommandFailedException($"{server.Url} answered {(int)response.StatusCode}, and not as a Millpond does.");
            return response.IsSuccessStatusCode ? answer : throw new CommandFailedException($"{server.Url}: {(string?)answer["__type"]}: {(string?)answer["message"]}");
        }
        catch (HttpRequestException failure)
        {
            throw new CommandFailedException($"{server.Url}: {server.Describe(failure)}", failure);
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException($"{server.Url} did not answer within {http.Timeout.TotalSeconds:0} s.", failure);
        }
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }
}
