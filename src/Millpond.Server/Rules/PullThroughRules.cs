using System.Collections.Frozen;
using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>Which rule a pull comes under, by its path, its <c>?ns=</c>, its host name or its listener; and what a rule lets through.</summary>
public sealed class PullThroughRules
{
    private readonly NameMap map;
    private readonly FrozenDictionary<string, RuleEntry> byPrefix;
    private readonly FrozenDictionary<string, string> prefixByHost;
    private readonly string? publicName;
    private readonly ResolutionMemo memo = new();

    public PullThroughRules(ServerConfiguration configuration)
    {
        All = configuration.Rules;
        Dormant = configuration.DormantPresets;
        byPrefix = All.ToFrozenDictionary(rule => rule.Prefix, rule => new RuleEntry(rule), StringComparer.Ordinal);
        map = new NameMap(All.Select(rule => byPrefix[rule.Prefix].Mapping));
        prefixByHost = All.SelectMany(rule => rule.Hosts, (rule, host) => KeyValuePair.Create(host, rule.Prefix))
            .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        publicName = configuration.PublicUrl?.Authority;
    }

    public ImmutableArray<PullThroughRule> All { get; }

    /// <summary>Opt-in presets that are not set up.</summary>
    public ImmutableArray<Preset> Dormant { get; }

    /// <summary>The rule of exactly this prefix.</summary>
    public PullThroughRule? Find(string prefix) => byPrefix.TryGetValue(prefix, out var entry) ? entry.Rule : null;

    /// <param name="asked">The repository in the path.</param>
    /// <param name="ns">The registry a mirror's client means (containerd's <c>?ns=</c>); ignored where it names this server.</param>
    /// <param name="hostName">The Host header, with or without a port.</param>
    /// <param name="listenerRule">The prefix of the rule that the listener is for.</param>
    public RuleResolution Resolve(RepositoryName asked, string? ns, string? hostName, string? listenerRule)
    {
        var registry = string.IsNullOrEmpty(ns) || NamesThisServer(ns, hostName) ? null : ns;
        var key = new ResolutionKey(asked, registry, listenerRule ?? PrefixOfHost(hostName));
        if (!memo.TryGet(key, out var resolution))
        {
            resolution = Resolve(key);
            memo.Add(key, resolution);
        }

        return resolution;
    }

    /// <summary>Whether a list of repositories names this one: only what a pull by its name here would be let through to.</summary>
    /// <param name="repository">Its name here.</param>
    /// <param name="hostName">The Host header of the one who asks for the list; a rule's own host lists that rule's alone.</param>
    /// <param name="listenerRule">The prefix of the rule that the listener is for.</param>
    public bool Lists(RepositoryName repository, string? hostName, string? listenerRule) =>
        // Beside the memo: a list of thousands would push out of it what is being pulled.
        Resolve(new ResolutionKey(repository, null, null)) is { Verdict: RuleVerdict.Matched, Match: { } match }
        && (listenerRule ?? PrefixOfHost(hostName)) is var scope
        && (scope is null || scope == match.Rule.Prefix);

    /// <summary>Whether a rule's <c>allow</c> and <c>deny</c> let this repository through.</summary>
    /// <param name="rule">One of <see cref="All"/>.</param>
    /// <param name="upstreamRepository">The name at the upstream, with the rule's repository prefix.</param>
    public bool Allows(PullThroughRule rule, RepositoryName upstreamRepository) => byPrefix[rule.Prefix].Allows(upstreamRepository);

    private static ReadOnlySpan<char> WithoutPort(ReadOnlySpan<char> host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host[^1] == ']' ? host : host[..colon];
    }

    private bool NamesThisServer(string ns, string? hostName) =>
        prefixByHost.ContainsKey(ns)
        || string.Equals(ns, publicName, StringComparison.OrdinalIgnoreCase)
        || string.Equals(ns, hostName, StringComparison.OrdinalIgnoreCase)
        // A host name that came without its port is compared with the name alone.
        || (hostName is not null && WithoutPort(hostName).Length == hostName.Length
            && WithoutPort(ns).Equals(hostName, StringComparison.OrdinalIgnoreCase));

    private string? PrefixOfHost(string? hostName)
    {
        if (prefixByHost.Count == 0 || string.IsNullOrEmpty(hostName))
        {
            return null;
        }

        return prefixByHost.TryGetValue(hostName, out var prefix)
            || prefixByHost.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(WithoutPort(hostName), out prefix)
            ? prefix
            : null;
    }

    private RuleResolution Resolve(ResolutionKey key)
    {
        NameMatch match;
        if (key.Scope is { } scope && byPrefix.TryGetValue(scope, out var entry))
        {
            return UnderOne(entry, key);
        }

        if (key.Ns is { } registry)
        {
            return map.TryFromMirror(registry, key.Asked, out match) ? Judge(match) : WithoutRule(registry, key.Asked);
        }

        var found = map.TryToUpstream(key.Asked, out match);
        if (!found || match.Mapping.IsRoot)
        {
            foreach (var preset in Dormant)
            {
                if (key.Asked.TryRemovePrefix(preset.Prefix, out _))
                {
                    return new RuleResolution(RuleVerdict.Dormant, null, RuleTexts.Dormant(preset));
                }
            }
        }

        return found ? Judge(match) : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(key.Asked, All, Suggest(key.Asked)));
    }

    /// <summary>A rule's own host or listener gives what is that rule's and nothing else, whatever registry the client means.</summary>
    private RuleResolution UnderOne(RuleEntry entry, ResolutionKey key)
    {
        if (key.Ns is not { } registry)
        {
            return map.TryUnder(entry.Mapping, key.Asked, out var named)
                ? Judge(named)
                : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoName(entry.Rule, key.Asked));
        }

        if (!UpstreamHosts.AreSame(entry.Rule.UpstreamName, registry))
        {
            return new RuleResolution(RuleVerdict.UnknownNamespace, null, RuleTexts.OtherNamespace(entry.Rule, registry));
        }

        return map.TryFromMirror(entry.Mapping, key.Asked, out var meant)
            ? Judge(meant)
            : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(registry, key.Asked));
    }

    private RuleResolution Judge(NameMatch match)
    {
        var entry = byPrefix[match.Mapping.Prefix];
        var target = new RuleMatch(entry.Rule, match.Local, match.Upstream);
        return entry.Allows(match.Upstream)
            ? new RuleResolution(RuleVerdict.Matched, target)
            : new RuleResolution(RuleVerdict.Denied, target, RuleTexts.Denied(target));
    }

    private RuleResolution WithoutRule(string registry, RepositoryName asked)
    {
        foreach (var preset in Dormant)
        {
            if (UpstreamHosts.AreSame(preset.UpstreamName, registry))
            {
                return new RuleResolution(RuleVerdict.Dormant, null, RuleTexts.Dormant(preset));
            }
        }

        return map.Knows(registry)
            ? new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(registry, asked))
            : new RuleResolution(RuleVerdict.UnknownNamespace, null, RuleTexts.UnknownNamespace(registry));
    }

    /// <summary>The name that was meant by a path that begins with an upstream's host: <c>quay.io/a/b</c> is <c>quay/a/b</c> here.</summary>
    private RepositoryName? Suggest(RepositoryName asked)
    {
        var text = asked.ToString().AsSpan();
        var slash = text.IndexOf('/');
        return slash > 0
            && RepositoryName.TryParse(text[(slash + 1)..], out var rest)
            && map.TryToLocal(text[..slash], rest, out var match)
            ? match.Local
            : null;
    }

    private sealed class RuleEntry(PullThroughRule rule)
    {
        private readonly RepositoryGlob[] allow = [.. rule.Allow.Select(RepositoryGlob.Parse)];
        private readonly RepositoryGlob[] deny = [.. rule.Deny.Select(RepositoryGlob.Parse)];

        public PullThroughRule Rule => rule;

        public NameMapping Mapping { get; } = new(rule.Prefix, rule.UpstreamName, rule.UpstreamRepositoryPrefix);

        public bool Allows(RepositoryName upstream)
        {
            var name = upstream;
            return (rule.UpstreamRepositoryPrefix is not { } prefix || upstream.TryRemovePrefix(prefix, out name))
                && (allow.Length == 0 || Array.Exists(allow, glob => glob.Matches(name)))
                && !Array.Exists(deny, glob => glob.Matches(name));
        }
    }
}
