using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

internal static class Outcomes
{
    /// <summary>Whether another try of the same request soon may succeed.</summary>
    public static bool IsTransient(this UpstreamOutcome outcome) =>
        outcome is UpstreamOutcome.Timeout or UpstreamOutcome.Unreachable or UpstreamOutcome.ServerError;
}
