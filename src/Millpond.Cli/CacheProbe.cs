using System.Collections.Concurrent;
using System.Net;
using Millpond.Images;
using Millpond.Rewriting.Coverage;

namespace Millpond.Cli;

/// <summary>Asks a server whether it has an image, in a way that never makes it fetch one.</summary>
internal static class CacheProbe
{
    private const int AtOnce = 8;

    /// <summary>What a client that takes every kind of image accepts.</summary>
    public static readonly string[] ManifestTypes =
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];

    /// <summary>The report with whether each covered image is cached; unknown where the server does not say.</summary>
    /// <exception cref="CommandFailedException">The server asks for a login.</exception>
    public static async Task<CoverageReport> AskAsync(CoverageReport report, RegistryAddress registry, ServerAccess server, CancellationToken cancellationToken)
    {
        using var handler = server.CreateHandler();
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10) };
        var answers = new ConcurrentDictionary<string, bool?>(StringComparer.Ordinal);
        var limits = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(
            report.Images.Select(image => image.Rewritten).OfType<string>().Distinct(),
            limits,
            async (reference, cancellation) => answers[reference] = await AskAsync(client, reference, registry, server, cancellation));
        return report with
        {
            Images = [.. report.Images.Select(image => image.Rewritten is { } rewritten ? image with { Cached = answers[rewritten] } : image)],
        };
    }

    private static async Task<bool?> AskAsync(HttpClient client, string text, RegistryAddress registry, ServerAccess server, CancellationToken cancellationToken)
    {
        if (!ImageReference.TryParse(text, out var reference) || !registry.TryGetRepository(reference, out var repository))
        {
            return null;
        }

        var name = reference.Digest?.ToString() ?? reference.Tag ?? "latest";
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(server.Url, $"/v2/{repository}/manifests/{name}"));
        request.Headers.CacheControl = new() { OnlyIfCached = true };
        request.Headers.Accept.ParseAdd(string.Join(", ", ManifestTypes));
        try
        {
            using var response = await client.SendAsync(request, cancellationToken);
            return response.StatusCode switch
            {
                HttpStatusCode.Unauthorized => throw new CommandFailedException($"{server.Url} asks for a login: {server.LoginRemedy}"),
                HttpStatusCode.OK => true,
                HttpStatusCode.GatewayTimeout or HttpStatusCode.NotFound => false,
                _ => null,
            };
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }
}
