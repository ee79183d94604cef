using System.Collections.Concurrent;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// The origin of each rule as it is now. A credential counts by its user name, its client certificate's file and the names of the rule's
/// headers: renewing a token or password is no new origin, another user is one, also where the file is replaced under a running server.
/// </summary>
internal sealed class Origins
{
    /// <summary>How long a credential's file is not looked at again: a look costs some 30 µs.</summary>
    private static readonly TimeSpan LooksAgainAfter = TimeSpan.FromSeconds(10);

    /// <summary>After one that could not be read, which may be on its way.</summary>
    private static readonly TimeSpan LooksAgainSoon = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<PullThroughRule, Current> byRule = new(ReferenceEqualityComparer.Instance);
    private readonly GovernedUpstreams upstreams;
    private readonly CatalogDatabase catalog;
    private readonly TimeProvider time;

    public Origins(GovernedUpstreams upstreams, CatalogDatabase catalog, TimeProvider time)
    {
        this.upstreams = upstreams;
        this.catalog = catalog;
        this.time = time;
    }

    /// <summary>The repository as its rule's upstream has it now.</summary>
    public OriginRepository Of(RuleMatch target) => new(target.Repository, Of(target.Rule), target.Rule.Prefix);

    public Origin Of(PullThroughRule rule)
    {
        var current = byRule.GetOrAdd(rule, static found => new Current(found));
        var seen = current.Seen;
        if (seen is null || rule.Credential is not null && time.GetElapsedTime(seen.At) >= (seen.IsRead ? LooksAgainAfter : LooksAgainSoon))
        {
            var (origin, isRead) = Look(current.Rule, seen?.Origin);
            seen = new Glance(origin, time.GetTimestamp(), isRead);
            current.Seen = seen;
        }

        return seen.Origin;
    }

    /// <summary>What only an upstream's owner could give.</summary>
    private static string? WhoIs(PullThroughRule rule, string? user)
    {
        var headers = string.Join(',', rule.Headers.Select(static header => header.Key.ToLowerInvariant()).Order(StringComparer.Ordinal));
        return user is null && rule.Tls.Certificate is null && headers.Length == 0 ? null : $"{user}\n{rule.Tls.Certificate}\n{headers}";
    }

    private static string SourceOf(PullThroughRule rule) =>
        rule.Credential is { } source ? source.SecretArn ?? source.AwsSecretArn ?? source.File ?? $"{source.UsernameEnv},{source.TokenEnv}" : "";

    private (Origin Origin, bool IsRead) Look(PullThroughRule rule, Origin? last)
    {
        var (upstream, prefix, source) = (rule.Upstream.GetLeftPart(UriPartial.Authority), rule.UpstreamRepositoryPrefix ?? "", SourceOf(rule));
        if (!upstreams[rule].TryReadUser(out var user))
        {
            // Not readable now: it is the one that was last read from there, in this run or an earlier one.
            return (last ?? catalog.Origins.FirstOrDefault(row => row.Upstream == upstream && row.Prefix == prefix && row.Source == source)?.Origin ?? Origin.Nobody, false);
        }

        var who = WhoIs(rule, user);
        var origin = Origin.Of(rule.Upstream, rule.UpstreamRepositoryPrefix, who);
        if (last != origin)
        {
            // Unwritten, it is written by the next start.
            _ = catalog.PutOriginAsync(new OriginRow(origin, upstream, prefix, source, who ?? ""), time.GetUtcNow()).OrUnwrittenAsync();
        }

        return (origin, true);
    }

    private sealed class Current(PullThroughRule rule)
    {
        public PullThroughRule Rule { get; } = rule;

        public Glance? Seen
        {
            get => Volatile.Read(ref field);
            set => Volatile.Write(ref field, value);
        }
    }

    private sealed record Glance(Origin Origin, long At, bool IsRead);
}
