using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Governing;

namespace Millpond.Server.Cache.Memory;

/// <summary>Whether what is cached is served, or checked first.</summary>
internal enum Standing
{
    /// <summary>Checked lately: served as it is.</summary>
    Fresh,

    /// <summary>A check is due and cannot be made now: served as it is, and said to be stale.</summary>
    Stale,

    Due,

    /// <summary>Not due, or failed a moment ago: the client wants a check all the same.</summary>
    Forced,
}

/// <summary>"Fresh or check": when a tag or list is due for a check, and how long checks that failed are left alone. Remembers only what failed.</summary>
internal sealed class Freshness(TimeProvider time)
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(15);

    /// <summary>How much longer a check may wait while little is left of the upstream's rate limit.</summary>
    private const int LowBudgetStretch = 4;

    /// <summary>Bytes of memory for an outage with very many tags: some 40,000 of them. The oldest are forgotten first, and the breaker carries on.</summary>
    private const long Bytes = 16L * 1024 * 1024;

    private readonly ForcedChecks forced = new(time);

    private readonly BackOffs<(RepositoryName Repository, string Reference), bool> failed = new(
        time, FirstBackOff, LongestBackOff, Bytes, static (key, _) => (key.Repository.ToString().Length + key.Reference.Length) * sizeof(char));

    /// <summary>What becomes of a pull of something that is here.</summary>
    /// <param name="key">What is checked: a tag, or a list's key.</param>
    /// <param name="lifetime">How long it is served without a check.</param>
    public Standing Judge(
        GovernedUpstream upstream, RepositoryName repository, string key, DateTimeOffset checkedAt, TimeSpan lifetime, PullOptions options)
    {
        var isForced = options.NoCache && forced.TryTake(repository);
        if (!isForced && !IsDue(checkedAt, lifetime, upstream.Governor.IsLow))
        {
            return Standing.Fresh;
        }

        if (options.OnlyIfCached || upstream.Governor.IsOpen || !isForced && BacksOff(repository, key))
        {
            return Standing.Stale;
        }

        return isForced ? Standing.Forced : Standing.Due;
    }

    /// <summary>Whether a check is due. A check time in the future is a clock that was set back: due.</summary>
    public bool IsDue(DateTimeOffset checkedAt, TimeSpan lifetime, bool budgetIsLow)
    {
        var age = time.GetUtcNow() - checkedAt;
        return age < TimeSpan.Zero || age >= (budgetIsLow ? lifetime * LowBudgetStretch : lifetime);
    }

    /// <summary>Whether an earlier check failed so lately that the next waits.</summary>
    public bool BacksOff(RepositoryName repository, string reference) => failed.Find((repository, reference)) is not null;

    /// <summary>A check failed. Within a back-off it is the same failure: many may have waited for it.</summary>
    public void Failed(RepositoryName repository, string reference) => failed.Failed((repository, reference), true);

    public void Succeeded(RepositoryName repository, string reference) => failed.Succeeded((repository, reference));
}
