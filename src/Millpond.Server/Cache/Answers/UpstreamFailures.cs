using Millpond.Server.Configuration;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Answers;

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
            UpstreamOutcome.Refused when result.IsCredentialRefused => PullFailureKind.CredentialRefused,
            UpstreamOutcome.Refused => !rule.IsAuthenticated ? absent : PullFailureKind.NameUnknown,
            UpstreamOutcome.Throttled => PullFailureKind.Throttled,
            UpstreamOutcome.ServerError or UpstreamOutcome.TlsFailure or UpstreamOutcome.BadAnswer or UpstreamOutcome.Found =>
                PullFailureKind.UpstreamFailed,
            UpstreamOutcome.Timeout or UpstreamOutcome.Unreachable => PullFailureKind.UpstreamUnreachable,
        };
        var reason = (result.Outcome, kind) switch
        {
            (_, PullFailureKind.CredentialRefused) => $"{rule.UpstreamName} refused the credential of rule '{rule.Prefix}'; check or renew it ({result.Reason})",
            (UpstreamOutcome.Refused, PullFailureKind.NameUnknown) when rule.IsAuthenticated =>
                $"absent at {rule.UpstreamName}, or the credential of rule '{rule.Prefix}' may not read it ({result.Reason})",
            _ => result.Reason,
        };
        TimeSpan? retryAfter = kind switch
        {
            PullFailureKind.Throttled => result.RetryAfter ?? RetryAfterThrottle,
            PullFailureKind.UpstreamUnreachable => result.RetryAfter ?? RetryAfterOutage,
            _ => null,
        };
        return new PullFailure(kind, reason, rule.Prefix, rule.UpstreamName, retryAfter);
    }
}
