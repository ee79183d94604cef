using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>
/// A document about a repository that upstream keeps (its tags, a digest's referrers), cached with the freshness rules of tags: fresh
/// from the catalog, checked when due, stale on any failure.
/// </summary>
internal sealed partial class UpstreamList(
    GovernedUpstreams upstreams, CatalogDatabase catalog, Freshness freshness, NegativeCache negative, TimeProvider time, ILogger<UpstreamList> log,
    CancellationToken stopping)
{
    private readonly SingleFlight<(RepositoryName, string), UpstreamResult<byte[]>> checks = new(stopping);

    /// <param name="key">What the document is: <c>tags</c>, or <c>referrers:</c> and a digest.</param>
    /// <param name="lifetime">How long a cached one is served without a check, by its content.</param>
    /// <param name="ask">Gets it from upstream, whole.</param>
    /// <param name="isKept">Whether what came is worth a row; null = always.</param>
    public async Task<PullResult<byte[]>> FindAsync(
        RuleMatch target, string key, PullOptions options, Func<ReadOnlyMemory<byte>, TimeSpan> lifetime,
        Func<GovernedUpstream, CancellationToken, Task<UpstreamResult<byte[]>>> ask, CancellationToken cancellationToken,
        Func<ReadOnlyMemory<byte>, bool>? isKept = null)
    {
        var upstream = upstreams[target.Rule];
        var cached = catalog.FindList(target.Repository, key);
        if (cached is not null && !options.NoCache && !freshness.IsDue(cached.CheckedAt, lifetime(cached.Content), upstream.Governor.IsLow))
        {
            return new PullResult<byte[]>(cached.Content.ToArray(), CacheStatus.Hit, null);
        }

        if (options.OnlyIfCached || cached is not null && (upstream.Governor.IsOpen || !options.NoCache && freshness.BacksOff(target.Repository, key)))
        {
            return cached is not null
                ? new PullResult<byte[]>(cached.Content.ToArray(), CacheStatus.Stale, null)
                : new PullFailure(PullFailureKind.NotCached, "not cached, and the request said only-if-cached", target.Rule.Prefix, target.Rule.UpstreamName);
        }

        if (cached is null && negative.Find<byte[]>(target.Repository, NegativeCache.List(key), upstream.CredentialVersion) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.NameUnknown);
        }

        var result = await AskAsync(target, key, upstream, cached, ask, isKept, cancellationToken);
        if (result.IsFound)
        {
            return new PullResult<byte[]>(result.Value, CacheStatus.Miss, null);
        }

        if (cached is null || result.Outcome == UpstreamOutcome.NotFound && target.Rule.OnUpstreamDelete == Configuration.OnUpstreamDelete.Follow)
        {
            return result.ToFailure(target.Rule, PullFailureKind.NameUnknown);
        }

        freshness.Failed(target.Repository, key);
        Log.ServedStale(log, key, target.Repository, result.Reason);
        return new PullResult<byte[]>(cached.Content.ToArray(), CacheStatus.Stale, null);
    }

    private async Task<UpstreamResult<byte[]>> AskAsync(
        RuleMatch target, string key, GovernedUpstream upstream, ListRow? seen, Func<GovernedUpstream, CancellationToken, Task<UpstreamResult<byte[]>>> ask,
        Func<ReadOnlyMemory<byte>, bool>? isKept, CancellationToken cancellationToken)
    {
        // A check may keep a client as long as a tag check does; a first pull as long as any cold pull.
        var bound = seen is not null ? target.Rule.Timeouts.Revalidate : TimeSpan.FromSeconds(30);
        try
        {
            return await checks.RunAsync((target.Repository, key), token => AskAndKeepAsync(target, key, upstream, seen, ask, isKept, token), cancellationToken)
                .WaitAsync(bound, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Its pages may well be coming, however many there are: their own timeouts judge the upstream.
            return new UpstreamResult<byte[]>(UpstreamOutcome.Timeout, null, $"{target.Rule.UpstreamName} did not answer for {key} within {bound.TotalSeconds} s");
        }
    }

    private async Task<UpstreamResult<byte[]>> AskAndKeepAsync(
        RuleMatch target, string key, GovernedUpstream upstream, ListRow? seen,
        Func<GovernedUpstream, CancellationToken, Task<UpstreamResult<byte[]>>> ask, Func<ReadOnlyMemory<byte>, bool>? isKept,
        CancellationToken cancellationToken)
    {
        if (catalog.FindList(target.Repository, key) is { } current && (seen is null || current.CheckedAt > seen.CheckedAt))
        {
            return new UpstreamResult<byte[]>(UpstreamOutcome.Found, current.Content.ToArray());
        }

        var result = await negative.LearnAsync(target.Repository, NegativeCache.List(key), upstream.CredentialVersion, ask(upstream, cancellationToken));
        if (!result.IsFound)
        {
            return result;
        }

        freshness.Succeeded(target.Repository, key);
        if (isKept?.Invoke(result.Value) == false)
        {
            return result;
        }

        // Unwritten, it is served all the same and asked for again next time.
        await catalog.PutListAsync(target.Repository, target.Rule.Prefix, key, result.Value, time.GetUtcNow()).OrUnwrittenAsync();
        return result;
    }

    private static partial class Log
    {
        [LoggerMessage(1601, LogLevel.Warning, "Served {Key} of {Repository} stale: {Reason}")]
        public static partial void ServedStale(ILogger logger, string key, RepositoryName repository, string reason);
    }
}
