namespace Millpond.Server.Governing;

public enum BreakerState
{
    Closed,
    Open,
}

/// <summary>An upstream as <c>/-/upstreams</c> and the metrics show it.</summary>
/// <param name="Rule">The rule's prefix.</param>
/// <param name="Upstream">The upstream as users write it.</param>
/// <param name="RateLimit">The last limit it told, or null.</param>
/// <param name="RateRemaining">What was left of it when last told.</param>
/// <param name="ThrottledUntil">Until when its 429 asked us to stay away.</param>
/// <param name="LastFailure">The last failure in words; null when the last request went well.</param>
public sealed record UpstreamState(
    string Rule, string Upstream, BreakerState Breaker, int? RateLimit, int? RateRemaining, DateTimeOffset? ThrottledUntil,
    DateTimeOffset? LastSuccess, string? LastFailure, DateTimeOffset? LastFailureAt, int FillsRunning, int RequestsRunning)
{
    /// <summary>Images pulled through the rule whose rest is still to be fetched.</summary>
    public int ImagesIncomplete { get; init; }
}
