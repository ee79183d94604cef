namespace Millpond.Server.Governing;

/// <summary>Why an upstream is asked; the order is the priority where requests wait for a slot (a client's pull first).</summary>
public enum RequestReason
{
    /// <summary>A client waits for content that is not here.</summary>
    Pull,

    /// <summary>Whether this repository has a digest that is stored here.</summary>
    Proof,

    /// <summary>A tag, tag list or referrers check that is due.</summary>
    Check,

    /// <summary>Children of an index, in the background.</summary>
    Completion,

    /// <summary>Pulled ahead of need.</summary>
    WarmUp,

    /// <summary>Whether an image that is to expire can be pulled again.</summary>
    Guard,

    /// <summary>Whether an upstream whose breaker is open is back.</summary>
    Probe,
}

internal static class RequestReasons
{
    /// <summary>Work that no client waits for: it stops when an upstream's rate limit is nearly used up.</summary>
    public static bool IsBackground(this RequestReason reason) => reason is RequestReason.Completion or RequestReason.WarmUp or RequestReason.Guard;
}
