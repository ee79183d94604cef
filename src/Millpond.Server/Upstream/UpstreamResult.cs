using System.Diagnostics.CodeAnalysis;

namespace Millpond.Server.Upstream;

/// <summary>The outcome of one request to an upstream, with its value when it was found and a reason for people when it was not.</summary>
/// <param name="Reason">What happened, in words for an error's detail and a log line; holds nothing secret.</param>
/// <param name="RetryAfter">What the upstream's <c>Retry-After</c> said.</param>
/// <param name="RateLimit">What the upstream's rate-limit headers said, on any answer.</param>
public sealed record UpstreamResult<T>(
    UpstreamOutcome Outcome, T? Value = default, string Reason = "", TimeSpan? RetryAfter = null, RateLimit? RateLimit = null)
    where T : class
{
    /// <summary>The HTTP status of an answer that is a failure; null where there was no answer, or a fault in it was found later.</summary>
    public int? Status { get; init; }

    /// <summary>Whether there was no connection (DNS, refused, TLS, none in time) rather than no answer on one.</summary>
    public bool IsOfConnection { get; init; }

    /// <summary>
    /// Of <see cref="UpstreamOutcome.Refused"/>: whether it was our credential that was refused, by the token service or by a registry that was
    /// shown it as Basic. Else the content may be absent, or not for us: registries do not say which.
    /// </summary>
    public bool IsCredentialRefused { get; init; }

    [MemberNotNullWhen(true, nameof(Value))]
    public bool IsFound => Outcome == UpstreamOutcome.Found && Value is not null;

    /// <summary>The same failure for another kind of value.</summary>
    public UpstreamResult<TOther> As<TOther>()
        where TOther : class => new(Outcome, null, Reason, RetryAfter, RateLimit)
        {
            Status = Status,
            IsOfConnection = IsOfConnection,
            IsCredentialRefused = IsCredentialRefused,
        };
}

/// <summary>Docker Hub's <c>ratelimit-limit: 100;w=21600</c> and <c>ratelimit-remaining: 76;w=21600</c>.</summary>
public sealed record RateLimit(int Limit, int Remaining, TimeSpan Window);
