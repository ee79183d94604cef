using System.Net;
using System.Text.Json.Nodes;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Waits until everything below an index is here, asking only for what is.</summary>
internal static class Completion
{
    private static readonly TimeSpan pause = TimeSpan.FromMilliseconds(50);

    public static async Task OfAsync(CachedRegistry cache, string repository)
    {
        using var limit = new CancellationTokenSource(Patience.Limit, TimeProvider.System);
        var index = await GetAsync(cache, repository, "manifests/1", limit.Token);
        foreach (var child in DigestsOf(index, "manifests"))
        {
            var manifest = await GetAsync(cache, repository, $"manifests/{child}", limit.Token);
            foreach (var blob in DigestsOf(manifest, "layers").Append((string)manifest["config"]!["digest"]!))
            {
                await GetAsync(cache, repository, $"blobs/{blob}", limit.Token);
            }
        }
    }

    private static IEnumerable<string> DigestsOf(JsonNode document, string list) =>
        document[list]!.AsArray().Select(descriptor => (string)descriptor!["digest"]!);

    /// <summary>Asks until it is here; a blob gives an empty document.</summary>
    private static async Task<JsonNode> GetAsync(CachedRegistry cache, string repository, string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cache.Address, $"/v2/{CachedRegistry.Prefix}/{repository}/{path}"));
            request.Headers.Add("Accept", RealImages.ManifestTypes);
            request.Headers.Add("Cache-Control", "only-if-cached");
            using var response = await cache.Millpond.Client.SendAsync(request, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                var content = await response.Content.ReadAsByteArrayAsync(cancellationToken);
                return path.StartsWith("manifests/", StringComparison.Ordinal) ? JsonNode.Parse(content)! : new JsonObject();
            }

            Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
            await Task.Delay(pause, TimeProvider.System, cancellationToken);
        }
    }
}
