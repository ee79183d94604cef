using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>The one table from what an upstream did to what a client is told (DESIGN: errors).</summary>
internal static class UpstreamFailures
{
    /// <summary>Tells a client to come back, where the upstream said nothing of its own.</summary>
    private static readonly TimeSpan RetryAfterOutage = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RetryAfterThrottle = TimeSpan.FromSeconds(30);

    /// <param name="absent">What a 404 means: an unknown manifest, blob or name.</param>
    public static PullFailure ToFailure<T>(this UpstreamResult<T> result, PullThroughRule rule, PullFailureKind absent)
        where T : class
    {
        var kind = result.Outcome switch
        {
            UpstreamOutcome.NotFound => absent,
            UpstreamOutcome.Refused => rule.Credential is null ? absent : PullFailureKind.CredentialRefused,
            UpstreamOutcome.Throttled => PullFailureKind.Throttled,
            UpstreamOutcome.ServerError or UpstreamOutcome.TlsFailure or UpstreamOutcome.BadAnswer or UpstreamOutcome.Found =>
                PullFailureKind.UpstreamFailed,
            UpstreamOutcome.Timeout or UpstreamOutcome.Unreachable => PullFailureKind.UpstreamUnreachable,
        };
        var reason = kind == PullFailureKind.CredentialRefused
            ? $"{rule.UpstreamName} refused the credential of rule '{rule.Prefix}'; check or renew it ({result.Reason})"
            : result.Reason;
        TimeSpan? retryAfter = kind switch
        {
            PullFailureKind.Throttled => result.RetryAfter ?? RetryAfterThrottle,
            PullFailureKind.UpstreamUnreachable => result.RetryAfter ?? RetryAfterOutage,
            _ => null,
        };
        return new PullFailure(kind, reason, rule.Prefix, rule.UpstreamName, retryAfter);
    }

    /// <summary>Whether another try of the same request soon may succeed.</summary>
    public static bool IsTransient(this UpstreamOutcome outcome) =>
        outcome is UpstreamOutcome.Timeout or UpstreamOutcome.Unreachable or UpstreamOutcome.ServerError;
}
