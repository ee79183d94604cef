using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Millpond.Server.Registry.Writing;

/// <summary>The bodies of pushes: of any length, as no others are, and slow where the client is.</summary>
internal static class PushBody
{
    /// <summary>A client that compresses while it sends may be silent for a while.</summary>
    private static readonly MinDataRate Slowest = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromMinutes(2));

    /// <summary>
    /// Lifts the server's limits. Also before a refusal: a body that is longer than the limit would end the connection before its client has
    /// read why.
    /// </summary>
    public static void Allow(HttpContext context)
    {
        // Of HTTP/2 the server's own limit of speed stays.
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate && HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            rate.MinDataRate = Slowest;
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }
    }
}
