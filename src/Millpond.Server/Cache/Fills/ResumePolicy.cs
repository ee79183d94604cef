using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Fills;

internal enum ResumeStep
{
    /// <summary>Ask the same upstream for what is missing.</summary>
    Connect,

    /// <summary>Its breaker is open: nothing is asked until it closes, which is no try, or another target comes.</summary>
    AwaitUpstream,

    /// <summary>Go on at another upstream that was shown to have the blob.</summary>
    TakeOver,

    /// <summary>Tries without a byte of progress are used up.</summary>
    GiveUp,

    /// <summary>It did not come back.</summary>
    GiveUpLost,
}

/// <summary>What is known when a connection has ended before its last byte.</summary>
/// <param name="Tries">Connections since the last byte.</param>
/// <param name="Outage">How long an open breaker was waited for since the last byte.</param>
/// <param name="IsOpen">Whether the upstream's breaker is open.</param>
/// <param name="HasOther">Whether another proven target could take over.</param>
internal readonly record struct ResumeState(int Tries, TimeSpan Outage, bool IsOpen, bool HasOther, UpstreamOutcome? Last, TimeSpan? RetryAfter);

/// <summary>What to do next and after which wait.</summary>
internal readonly record struct ResumeDecision(ResumeStep Step, TimeSpan Wait = default);

/// <summary>What a download does when its connection is gone. Pure: how it is done is <see cref="ResumingBody"/>.</summary>
internal static class ResumePolicy
{
    /// <summary>Tries without a byte of progress before an upstream is given up (DESIGN: fill).</summary>
    public const int MostTries = 5;

    /// <summary>The most a download under way waits, since its last byte, for an upstream whose breaker is open: a restart takes that long.</summary>
    public static readonly TimeSpan LongestOutage = TimeSpan.FromMinutes(2);

    /// <summary>So long without a first answer, a fill that another could bring goes on at that one's upstream.</summary>
    public static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    public static ResumeDecision Next(ResumeState state)
    {
        if (state.IsOpen)
        {
            var left = LongestOutage - state.Outage;
            return state.HasOther ? new(ResumeStep.TakeOver)
                : left <= TimeSpan.Zero ? new(ResumeStep.GiveUpLost)
                : new(ResumeStep.AwaitUpstream, left);
        }

        if (state.Tries >= MostTries)
        {
            return new(state.HasOther ? ResumeStep.TakeOver : ResumeStep.GiveUp);
        }

        if (state.Tries == 0)
        {
            return new(ResumeStep.Connect);
        }

        var delay = FirstDelay * Math.Pow(2, state.Tries);
        if (state.Last == UpstreamOutcome.Throttled && state.RetryAfter is { } asked && asked > delay)
        {
            delay = asked < LongestDelay ? asked : LongestDelay;
        }

        return new(ResumeStep.Connect, delay);
    }
}
