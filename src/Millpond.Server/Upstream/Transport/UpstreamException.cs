namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// How a layer of the transport, which has no other way up, says that a request failed and whose fault it was.
/// <see cref="UpstreamClient"/> makes a result of it; it never leaves the client.
/// </summary>
internal sealed class UpstreamException(UpstreamOutcome outcome, string reason, TimeSpan? retryAfter = null) : Exception(reason)
{
    public UpstreamOutcome Outcome { get; } = outcome;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>
    /// What an operator needs and no client may see: a path, a variable, an address of ours, a host that the upstream led to. It goes to the
    /// log under an id that the reason for clients names.
    /// </summary>
    public string Detail { get; init; } = "";

    /// <summary>The HTTP status that said so, where one did.</summary>
    public int? Status { get; init; }

    /// <summary>Whether there was no connection at all.</summary>
    public bool IsOfConnection { get; init; }

    /// <inheritdoc cref="UpstreamResult{T}.IsCredentialRefused"/>
    public bool IsCredentialRefused { get; init; }

    /// <summary>The same failure with more to say of it.</summary>
    public UpstreamException Because(string more, string detail) => Again(Message + more, Detail.Length == 0 ? detail : Detail);

    /// <summary>The same failure with where it was.</summary>
    public UpstreamException At(string detail) => Again(Message, detail);

    /// <summary>The same failure; an exception that several waiters share must not be thrown by all of them.</summary>
    public UpstreamException Again() => Again(Message, Detail);

    private UpstreamException Again(string message, string detail) => new(Outcome, message, RetryAfter)
    {
        Detail = detail,
        Status = Status,
        IsOfConnection = IsOfConnection,
        IsCredentialRefused = IsCredentialRefused,
    };
}
