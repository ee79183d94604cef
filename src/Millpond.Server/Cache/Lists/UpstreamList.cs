using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Lists;

/// <summary>
/// A list that upstream keeps (a repository's tags, a digest's referrers), cached with the freshness rules of tags: fresh from the catalog,
/// checked when due, stale on any failure.
/// </summary>
internal sealed partial class UpstreamList(
    GovernedUpstreams upstreams, CatalogDatabase catalog, LinkMemory known, ListDownload download, Freshness freshness, NegativeCache negative, TimeProvider time,
    ILogger<UpstreamList> log, CancellationToken stopping)
{
    /// <summary>A walk through all pages of a list.</summary>
    private static readonly TimeSpan LongestWalk = TimeSpan.FromMinutes(10);

    private readonly SingleFlight<(OriginRepository, string), UpstreamResult<KeptList>> checks = new(stopping);

    public async Task<PullResult<KeptList>> FindAsync(RuleMatch target, ListKind kind, PullOptions options, CancellationToken cancellationToken)
    {
        var (upstream, key) = (upstreams[target.Rule], kind.Key);
        var cached = await catalog.Lists.FindAsync(known.At(target), key);
        if (cached is null && options.IsFromHereOnly)
        {
            return new PullFailure(PullFailureKind.NotCached, "not cached, and the request said only-if-cached", target.Rule.Prefix, target.Rule.UpstreamName);
        }

        var standing = cached is null
            ? Standing.Due
            : freshness.Judge(upstream, target.Repository, key, cached.CheckedAt, kind.Lifetime(cached), options);
        if (cached is not null && standing is Standing.Fresh or Standing.Stale)
        {
            return new PullResult<KeptList>(new KeptList(cached, null), standing == Standing.Fresh ? CacheStatus.Hit : CacheStatus.Stale, null);
        }

        if (cached is null
            && negative.Find<KeptList>(target.Repository, NegativeCache.List(key), upstream.CredentialVersion, options.NoCache) is { } refused)
        {
            return refused.ToFailure(target.Rule, PullFailureKind.NameUnknown);
        }

        var result = await AskAsync(target, kind, upstream, cached, cancellationToken);
        if (result.IsFound)
        {
            return new PullResult<KeptList>(result.Value, CacheStatus.Miss, null);
        }

        if (cached is null || result.Outcome == UpstreamOutcome.NotFound && target.Rule.OnUpstreamDelete == Configuration.OnUpstreamDelete.Follow)
        {
            return result.ToFailure(target.Rule, PullFailureKind.NameUnknown);
        }

        freshness.Failed(target.Repository, key);
        Log.ServedStale(log, key, target.Repository, result.Reason);
        return new PullResult<KeptList>(new KeptList(cached, null), CacheStatus.Stale, null);
    }

    private async Task<UpstreamResult<KeptList>> AskAsync(
        RuleMatch target, ListKind kind, GovernedUpstream upstream, ListRow? seen, CancellationToken cancellationToken)
    {
        // A check may keep a client as long as a tag check does; a first pull as long as any cold pull.
        var bound = seen is not null ? target.Rule.Timeouts.Revalidate : TimeSpan.FromSeconds(30);
        try
        {
            return await checks.RunAsync((known.At(target), kind.Key), token => AskSafelyAsync(target, kind, upstream, seen, token), cancellationToken)
                .WaitAsync(bound, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Its pages may well be coming, however many there are: their own timeouts judge the upstream.
            return new UpstreamResult<KeptList>(
                UpstreamOutcome.Timeout, null, $"{target.Rule.UpstreamName} did not answer for {kind.Key} within {bound.TotalSeconds} s");
        }
    }

    /// <summary>Whatever is thrown ends as a bad answer: what an upstream sends is read here.</summary>
    private async Task<UpstreamResult<KeptList>> AskSafelyAsync(
        RuleMatch target, ListKind kind, GovernedUpstream upstream, ListRow? seen, CancellationToken cancellationToken)
    {
        // However long its pages come: one that never ends would be asked for as long as the server runs.
        using var bound = new CancellationTokenSource(LongestWalk, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        try
        {
            return await AskAndKeepAsync(target, kind, upstream, seen, both.Token);
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new UpstreamResult<KeptList>(
                UpstreamOutcome.BadAnswer, null, $"{target.Rule.UpstreamName} was still sending pages of {kind.Key} after {LongestWalk.TotalMinutes} minutes");
        }
        catch (Exception unexpected) when (!cancellationToken.IsCancellationRequested && unexpected is not CatalogUnreadableException)
        {
            Log.Unexpected(log, kind.Key, target.Repository, unexpected);
            return new UpstreamResult<KeptList>(UpstreamOutcome.BadAnswer, null, $"what {target.Rule.UpstreamName} sent for {kind.Key} could not be understood");
        }
    }

    private async Task<UpstreamResult<KeptList>> AskAndKeepAsync(
        RuleMatch target, ListKind kind, GovernedUpstream upstream, ListRow? seen, CancellationToken cancellationToken)
    {
        var at = known.At(target);
        if (await catalog.Lists.FindAsync(at, kind.Key) is { } current && (seen is null || current.CheckedAt > seen.CheckedAt))
        {
            return new UpstreamResult<KeptList>(UpstreamOutcome.Found, new KeptList(current, null));
        }

        var result = await negative.LearnAsync(
            target.Repository, NegativeCache.List(kind.Key), upstream.CredentialVersion, download.RunAsync(at, kind, upstream, cancellationToken));
        if (result.IsFound)
        {
            freshness.Succeeded(target.Repository, kind.Key);
        }

        return result;
    }

    private static partial class Log
    {
        [LoggerMessage(1602, LogLevel.Warning, "What upstream sent for {Key} of {Repository} could not be understood")]
        public static partial void Unexpected(ILogger logger, string key, RepositoryName repository, Exception exception);

        [LoggerMessage(1601, LogLevel.Warning, "Served {Key} of {Repository} stale: {Reason}")]
        public static partial void ServedStale(ILogger logger, string key, RepositoryName repository, string reason);
    }
}
