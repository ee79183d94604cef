using System.Net;

namespace Millpond.Server;

/// <summary>What a listener is for.</summary>
internal enum ListenerKind
{
    Main,

    /// <summary>One rule only: paths without its prefix.</summary>
    Rule,

    /// <summary>Health, metrics and reports only.</summary>
    Operations,

    /// <summary>Reviews of pods only.</summary>
    Admission,
}

/// <summary>A listener of the configuration; a feature of each of its connections.</summary>
/// <param name="Url">As configured; its port may be 0.</param>
/// <param name="Rule">The rule's prefix, where the listener is for one.</param>
internal sealed record ServerListener(ListenerKind Kind, Uri Url, string? Rule)
{
    public bool IsLoopback { get; } = IPAddress.IsLoopback(IPAddress.Parse(Url.DnsSafeHost));
}
