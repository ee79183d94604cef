using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What tests of the cache say often.</summary>
internal static class Pulls
{
    /// <summary>What <c>Millpond-Cache</c> says.</summary>
    public static string CacheStatus(this HttpResponseMessage response) => response.Headers.GetValues("Millpond-Cache").Single();

    public static bool IsMarkedStale(this HttpResponseMessage response) =>
        response.Headers.TryGetValues("Warning", out var warnings) && warnings.Single().StartsWith("110", StringComparison.Ordinal);

    /// <summary>Pulls a manifest, which links its blobs, and gives its cache status.</summary>
    public static async Task<string> PullManifestAsync(this MillpondHost host, string repository, string reference, string? cacheControl = null)
    {
        using var response = await host.ManifestAsync(repository, reference, cacheControl: cacheControl);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return response.CacheStatus();
    }
}
