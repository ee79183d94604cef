using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Configuration.Values;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

/// <summary>Every rule's upstream. Rules that are the same to the upstream share one governor: its limits are theirs together.</summary>
internal sealed class GovernedUpstreams : IDisposable
{
    /// <summary>How many that a change has left behind are kept for pulls that began before it; connections of older ones end by themselves.</summary>
    private const int MostFormer = 64;

    private readonly Dictionary<Identity, Governor> governors = [];
    private readonly Func<PullThroughRule, UpstreamClient> connect;
    private readonly Func<PullThroughRule, Governor> govern;
    private readonly Lock gate = new();
    private volatile FrozenDictionary<string, GovernedUpstream> byPrefix = FrozenDictionary<string, GovernedUpstream>.Empty;

    /// <summary>Oldest first.</summary>
    private readonly List<GovernedUpstream> left = [];

    /// <summary>Those that a change has left behind, for pulls that began before it.</summary>
    private volatile FrozenDictionary<PullThroughRule, GovernedUpstream> former = FrozenDictionary<PullThroughRule, GovernedUpstream>.Empty;

    public GovernedUpstreams(
        IReadOnlyCollection<PullThroughRule> rules, Func<PullThroughRule, UpstreamClient> connect, TimeProvider time, MillpondMetrics metrics,
        ILoggerFactory logs, CancellationToken stopping)
    {
        this.connect = connect;
        govern = rule => new Governor(rule, time, metrics, logs.CreateLogger<Governor>(), stopping);
        Change(rules);
    }

    public GovernedUpstream this[PullThroughRule rule] => byPrefix.TryGetValue(rule.Prefix, out var upstream) && (ReferenceEquals(upstream.Rule, rule) || former.Count == 0)
        ? upstream
        : former.GetValueOrDefault(rule) ?? upstream ?? throw new KeyNotFoundException($"There is no rule {rule.Prefix}.");

    /// <summary>Takes these rules in place of those until now; one that is the same keeps its connections.</summary>
    public void Change(IReadOnlyCollection<PullThroughRule> rules)
    {
        lock (gate)
        {
            var before = byPrefix;
            var upstreams = rules.ToDictionary(
                rule => rule.Prefix, rule => before.TryGetValue(rule.Prefix, out var same) && ReferenceEquals(same.Rule, rule) ? same : Make(rule), StringComparer.Ordinal);
            var isUsed = upstreams.Values.ToHashSet(ReferenceEqualityComparer.Instance);
            left.AddRange(before.Values.Where(upstream => !isUsed.Contains(upstream)));
            left.RemoveRange(0, Math.Max(0, left.Count - MostFormer));
            former = left.ToFrozenDictionary<GovernedUpstream, PullThroughRule>(static upstream => upstream.Rule, ReferenceEqualityComparer.Instance);
            byPrefix = upstreams.ToFrozenDictionary(StringComparer.Ordinal);
            var governing = upstreams.Values.Concat(left).Select(static upstream => upstream.Governor).ToHashSet();
            foreach (var (key, _) in governors.Where(pair => !governing.Contains(pair.Value)).ToList())
            {
                governors.Remove(key);
            }
        }
    }

    public IReadOnlyList<UpstreamState> States() => [.. byPrefix.Values.Where(upstream => !upstream.Rule.IsRetired).Select(upstream => upstream.Governor.State(upstream.Rule.Prefix))];

    private GovernedUpstream Make(PullThroughRule rule)
    {
        var key = Identity.Of(rule);
        if (!governors.TryGetValue(key, out var governor))
        {
            governor = govern(rule);
            governors[key] = governor;
        }

        return new GovernedUpstream(rule, connect(rule), governor);
    }

    public void Dispose()
    {
        foreach (var upstream in byPrefix.Values.Concat(left))
        {
            upstream.Dispose();
        }
    }

    /// <summary>As whom which upstream is asked: by whatever may authenticate, so that nobody's limit is spent by another.</summary>
    private sealed record Identity(Uri Upstream, CredentialSource? Credential, string? Certificate, string? Key, string Headers)
    {
        public static Identity Of(PullThroughRule rule) => new(
            rule.Upstream, rule.Credential, rule.Tls.Certificate, rule.Tls.Key,
            string.Join(
                '\n', rule.Headers.Where(static header => !HarmlessHeaders.Contains(header.Key))
                    .Select(static header => $"{header.Key.ToLowerInvariant()}: {header.Value}").Order(StringComparer.Ordinal)));
    }
}
