using System.Collections.Frozen;

namespace Millpond.Server.Configuration.Values;

/// <summary>
/// Headers for an upstream that tell it who asks and along which way, and let nobody in. Any other may authenticate, whatever it is called
/// (<c>Cookie</c>, <c>X-Api-Key</c>, <c>CF-Access-Client-Secret</c>), so its value is treated as a secret and its rule as one with a
/// credential. Not even <c>X-Forwarded-For</c> is harmless: an upstream may let in by address, and believe it.
/// </summary>
internal static class HarmlessHeaders
{
    private static readonly FrozenSet<string> Names = new[]
    {
        "Accept-Language", "Baggage", "Cache-Control", "DNT", "Max-Forwards", "Pragma", "Priority", "Traceparent", "Tracestate", "User-Agent", "Via", "X-Cache-Chain",
        "X-Client-Name", "X-Correlation-Id", "X-Request-Id",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static bool Contains(string name) => Names.Contains(name);
}
