using System.Collections.Frozen;
using System.Net;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Server;

/// <summary>
/// What a listener on loopback may be called. A browser on this machine lets a page reach it under a name of the page's own, whose address
/// it has changed meanwhile, and read the answer: so none is given but to names that nobody else can have.
/// </summary>
internal sealed class LoopbackNames
{
    private readonly FrozenSet<string> names;
    private readonly FrozenSet<string> reviewNames;

    private readonly PullThroughRules rules;

    /// <summary>The Host header that was last found to be one of the names which never change: a client sends the same with each request.</summary>
    private volatile string? lastGood;

    public LoopbackNames(ServerConfiguration configuration, PullThroughRules rules)
    {
        this.rules = rules;
        string[] own = ["localhost", "127.0.0.1", "[::1]"];
        string[] known = configuration.PublicUrl is { } url ? [.. own, url.Host, url.IdnHost] : own;
        names = known.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        reviewNames = known.Concat(configuration.Admission.Hosts).ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Whether a request is answered under the name that it asks for.</summary>
    public bool Answers(ServerListener listener, HostString host)
    {
        if (!listener.IsLoopback || !host.HasValue)
        {
            // Without a name there was no browser.
            return true;
        }

        if (host.Value == lastGood)
        {
            return true;
        }

        var name = host.Host.TrimEnd('.');
        if (names.Contains(name) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(name, out var address) && IPAddress.IsLoopback(address)))
        {
            lastGood = host.Value;
            return true;
        }

        return rules.IsRuleHost(name) || listener.Kind == ListenerKind.Admission && reviewNames.Contains(name);
    }
}
