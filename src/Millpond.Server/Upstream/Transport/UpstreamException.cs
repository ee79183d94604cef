namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// How a layer of the transport, which has no other way up, says that a request failed and whose fault it was.
/// <see cref="UpstreamClient"/> makes a result of it; it never leaves the client.
/// </summary>
internal sealed class UpstreamException(UpstreamOutcome outcome, string reason, TimeSpan? retryAfter = null) : Exception(reason)
{
    public UpstreamOutcome Outcome { get; } = outcome;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>The same failure; an exception that several waiters share must not be thrown by all of them.</summary>
    public UpstreamException Again() => new(Outcome, Message, RetryAfter);
}
