using System.Collections.Frozen;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>Every rule's upstream. Rules with the same upstream and credential share one governor: its limits are theirs together.</summary>
internal sealed class GovernedUpstreams : IDisposable
{
    private readonly FrozenDictionary<string, GovernedUpstream> byPrefix;
    private readonly List<UpstreamClient> clients = [];

    public GovernedUpstreams(
        IReadOnlyCollection<PullThroughRule> rules, Func<PullThroughRule, UpstreamClient> connect, TimeProvider time, MillpondMetrics metrics,
        ILoggerFactory logs, CancellationToken stopping)
    {
        var governors = new Dictionary<(Uri, CredentialSource?), Governor>();
        var upstreams = new Dictionary<string, GovernedUpstream>(StringComparer.Ordinal);
        foreach (var rule in rules)
        {
            var client = connect(rule);
            clients.Add(client);
            var key = (rule.Upstream, rule.Credential);
            if (!governors.TryGetValue(key, out var governor))
            {
                governor = new Governor(client.PingAsync, rule, time, metrics, logs.CreateLogger<Governor>(), stopping);
                governors[key] = governor;
            }

            upstreams[rule.Prefix] = new GovernedUpstream(rule, client, governor);
        }

        byPrefix = upstreams.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public GovernedUpstream this[PullThroughRule rule] => byPrefix[rule.Prefix];

    public IReadOnlyList<UpstreamState> States() => [.. byPrefix.Values.Select(upstream => upstream.Governor.State(upstream.Rule.Prefix))];

    public void Dispose()
    {
        foreach (var client in clients)
        {
            client.Dispose();
        }
    }
}
