using Microsoft.AspNetCore.Http;

namespace Millpond.Tests.Fixtures;

internal static class UpstreamRoutes
{
    private static readonly (string Marker, RequestKind Kind)[] Markers =
    [
        ("/manifests/", RequestKind.Manifest), ("/blobs/", RequestKind.Blob), ("/referrers/", RequestKind.Referrers), ("/tags/", RequestKind.Tags),
    ];

    /// <summary>What a request on the registry's own listener is for.</summary>
    public static UpstreamRequest Describe(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        if (path is "/v2" or "/v2/")
        {
            return new UpstreamRequest(context, RequestKind.Ping, null, null);
        }

        if (path == "/token")
        {
            return new UpstreamRequest(context, RequestKind.Token, null, null);
        }

        if (path.StartsWith("/v2/", StringComparison.Ordinal))
        {
            foreach (var (marker, kind) in Markers)
            {
                if (path.LastIndexOf(marker, StringComparison.Ordinal) is > 4 and var at)
                {
                    return new UpstreamRequest(context, kind, path[4..at], path[(at + marker.Length)..]);
                }
            }
        }

        return new UpstreamRequest(context, RequestKind.Other, null, null);
    }

    /// <summary>What a request on the blob host is for.</summary>
    public static UpstreamRequest DescribeBlobHost(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        return path.StartsWith("/blobs/", StringComparison.Ordinal)
            ? new UpstreamRequest(context, RequestKind.BlobHost, null, path["/blobs/".Length..])
            : new UpstreamRequest(context, RequestKind.Other, null, null);
    }
}
