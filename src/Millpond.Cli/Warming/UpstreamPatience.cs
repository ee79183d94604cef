namespace Millpond.Cli.Warming;

/// <summary>
/// How long a run waits for an upstream that asks for it: as long as the bound from its first refusal on, for all images together, so
/// that sixty images of a throttled registry do not wait sixty times. Progress begins it anew.
/// </summary>
internal sealed class UpstreamPatience(TimeSpan bound, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, long> refusedSince = new(StringComparer.Ordinal);

    public TimeSpan Bound { get; } = bound;

    /// <summary>Whether this much longer may be waited for the rule's upstream.</summary>
    public bool MayWait(string rule, TimeSpan wait)
    {
        lock (gate)
        {
            if (!refusedSince.TryGetValue(rule, out var since))
            {
                refusedSince[rule] = since = time.GetTimestamp();
            }

            return time.GetElapsedTime(since) + wait <= Bound;
        }
    }

    /// <summary>How long the rule's upstream has given nothing.</summary>
    public TimeSpan Waited(string rule)
    {
        lock (gate)
        {
            return refusedSince.TryGetValue(rule, out var since) ? time.GetElapsedTime(since) : TimeSpan.Zero;
        }
    }

    /// <summary>The upstream has given something.</summary>
    public void Answered(string rule)
    {
        lock (gate)
        {
            refusedSince.Remove(rule);
        }
    }
}
