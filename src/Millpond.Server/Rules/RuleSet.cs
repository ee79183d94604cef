using System.Collections.Frozen;
using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>The rules of one moment: which of them a pull comes under, and what each lets through.</summary>
internal sealed class RuleSet
{
    /// <summary>A DNS name has at most 253 characters, a port six with its colon.</summary>
    private const int LongestRegistry = 260;

    /// <summary>Refused before anything of it is kept or repeated.</summary>
    private static readonly RuleResolution OverlongNamespace = new(
        RuleVerdict.UnknownNamespace, null, $"The ns parameter is longer than any registry's name can be ({LongestRegistry} characters).");

    private readonly NameMap map;
    private readonly NameMap retired;
    private readonly FrozenDictionary<string, RuleEntry> byPrefix;
    private readonly FrozenDictionary<string, RuleEntry> filters;
    private readonly FrozenDictionary<string, string> prefixByHost;
    private readonly string? publicName;
    private readonly ResolutionMemo memo = new();

    /// <param name="former">Rules that were deleted, for what is here by them.</param>
    /// <param name="publicName">What clients call this server.</param>
    public RuleSet(ImmutableArray<PullThroughRule> rules, ImmutableArray<PullThroughRule> former, ImmutableArray<Preset> dormant, string? publicName)
    {
        All = rules;
        Former = former;
        Dormant = dormant;
        this.publicName = publicName;
        byPrefix = rules.ToFrozenDictionary(rule => rule.Prefix, rule => new RuleEntry(rule), StringComparer.Ordinal);
        map = new NameMap(rules);
        retired = new NameMap(former);
        filters = former.ToFrozenDictionary(rule => rule.Prefix, rule => new RuleEntry(rule), StringComparer.Ordinal);
        prefixByHost = rules.SelectMany(rule => rule.Hosts, (rule, host) => KeyValuePair.Create(host, rule.Prefix))
            .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
        IsOpen = rules.All(rule => rule.Access == AccessMode.Anonymous) && former.All(rule => rule.Access == AccessMode.Anonymous);
    }

    public ImmutableArray<PullThroughRule> All { get; }

    /// <summary>Rules that were deleted, for what is here by them.</summary>
    public ImmutableArray<PullThroughRule> Former { get; }

    /// <summary>Opt-in presets that are not set up.</summary>
    public ImmutableArray<Preset> Dormant { get; }

    /// <summary>Whether everybody may pull by every rule.</summary>
    public bool IsOpen { get; }

    /// <summary>The rule of exactly this prefix.</summary>
    public PullThroughRule? Find(string prefix) => byPrefix.TryGetValue(prefix, out var entry) ? entry.Rule : null;

    /// <summary>Whether this is a name of the server that means one rule.</summary>
    public bool IsRuleHost(string hostName) => prefixByHost.ContainsKey(hostName);

    /// <param name="asked">The repository in the path.</param>
    /// <param name="ns">The registry a mirror's client means (containerd's <c>?ns=</c>); ignored where it names this server.</param>
    /// <param name="hostName">The Host header, with or without a port.</param>
    /// <param name="listenerRule">The prefix of the rule that the listener is for.</param>
    public RuleResolution Resolve(RepositoryName asked, string? ns, string? hostName, string? listenerRule)
    {
        if (ns?.Length > LongestRegistry)
        {
            return OverlongNamespace;
        }

        var registry = string.IsNullOrEmpty(ns) || NamesThisServer(ns, hostName) ? null : ns;
        var key = new ResolutionKey(asked, registry, listenerRule ?? PrefixOfHost(hostName));
        if (!memo.TryGet(key, out var resolution))
        {
            resolution = Resolve(key);
            resolution = resolution with { MayBeLocal = key is { Ns: null, Scope: null } && MayBeLocal(key.Asked, resolution) };
            memo.Add(key, resolution);
        }

        return resolution;
    }

    /// <summary>What a list of repositories names: only what a pull by its name here would be let through to; null for others.</summary>
    /// <param name="repository">Its name here.</param>
    /// <param name="hostName">The Host header of the one who asks for the list; a rule's own host lists that rule's alone.</param>
    /// <param name="listenerRule">The prefix of the rule that the listener is for.</param>
    public RuleMatch? FindListed(RepositoryName repository, string? hostName, string? listenerRule) =>
        // Beside the memo: a list of thousands would push out of it what is being pulled.
        Resolve(new ResolutionKey(repository, null, null)) is { Verdict: RuleVerdict.Matched, Match: { } match }
        && (listenerRule ?? PrefixOfHost(hostName)) is var scope
        && (scope is null || scope == match.Rule.Prefix)
            ? match
            : null;

    /// <summary>Whether a list of repositories names one of this server's own: not where a host or listener is for one rule, nor below a rule's prefix.</summary>
    /// <inheritdoc cref="FindListed"/>
    public bool IsListedAsOwn(RepositoryName repository, string? hostName, string? listenerRule) =>
        (listenerRule ?? PrefixOfHost(hostName)) is null && MayBeLocal(repository, Resolve(new ResolutionKey(repository, null, null)));

    /// <summary>Whether a rule's <c>allow</c> and <c>deny</c> let this repository through.</summary>
    /// <param name="rule">One of <see cref="All"/>.</param>
    /// <param name="upstreamRepository">The name at the upstream, with the rule's repository prefix.</param>
    public bool Allows(PullThroughRule rule, RepositoryName upstreamRepository) =>
        byPrefix.TryGetValue(rule.Prefix, out var entry) && entry.Allows(upstreamRepository);

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
            return map.TryFromMirror(registry, key.Asked, out match) ? Judge(match) : WithoutRule(registry, key);
        }

        return ByPrefix(key.Asked)
            ?? (map.TryToUpstream(key.Asked, out match) ? Judge(match)
                : retired.TryToUpstream(key.Asked, out match) ? Judge(match)
                : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(key.Asked, All, Suggest(key.Asked))));
    }

    private bool MayBeLocal(RepositoryName asked, RuleResolution resolution) => resolution.Match is { } match
        ? match.Rule.IsRoot || match.Rule.IsRetired
        : resolution.Verdict == RuleVerdict.NoRule && !All.Any(rule => asked.TryRemovePrefix(rule.Prefix, out _));

    /// <summary>By the prefix that the path itself names, be it a rule's or that of an opt-in preset which is not set up; null where it names none.</summary>
    private RuleResolution? ByPrefix(RepositoryName asked)
    {
        if (map.TryToUpstream(asked, out var match) && !match.Rule.IsRoot)
        {
            return Judge(match);
        }

        foreach (var preset in Dormant)
        {
            if (asked.TryRemovePrefix(preset.Prefix, out _))
            {
                return new RuleResolution(RuleVerdict.Dormant, null, RuleTexts.Dormant(preset));
            }
        }

        return null;
    }

    /// <summary>A rule's own host or listener gives what is that rule's and nothing else, whatever registry the client means.</summary>
    private RuleResolution UnderOne(RuleEntry entry, ResolutionKey key)
    {
        if (key.Ns is not { } registry)
        {
            return map.TryUnder(entry.Rule, key.Asked, out var named)
                ? Judge(named)
                : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoName(entry.Rule, key.Asked));
        }

        if (!entry.Rule.IsFor(registry))
        {
            return !map.Knows(registry) && map.TryPrefixed(entry.Rule, key.Asked, out var prefixed)
                ? Judge(prefixed)
                : new RuleResolution(RuleVerdict.UnknownNamespace, null, RuleTexts.OtherNamespace(entry.Rule, registry));
        }

        return map.TryFromMirror(entry.Rule, registry, key.Asked, out var meant)
            ? Judge(meant)
            : new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(registry, key.Asked));
    }

    private RuleResolution Judge(NameMatch match)
    {
        var entry = match.Rule is PullThroughRule { IsRetired: true } ? filters[match.Rule.Prefix] : byPrefix[match.Rule.Prefix];
        var target = new RuleMatch(entry.Rule, match.Local, match.Upstream);
        return entry.Allows(match.Upstream)
            ? new RuleResolution(RuleVerdict.Matched, target)
            : new RuleResolution(RuleVerdict.Denied, target, RuleTexts.Denied(target));
    }

    /// <summary>
    /// Of a registry that no rule is for: the path's own prefix says what is meant, where it has one. containerd sends <c>?ns=</c> also where
    /// its configuration puts a rule's prefix into the path, with whatever name the registry has on the node.
    /// </summary>
    private RuleResolution WithoutRule(string registry, ResolutionKey key)
    {
        foreach (var preset in Dormant)
        {
            if (UpstreamHosts.AreSame(preset.UpstreamName, registry))
            {
                return new RuleResolution(RuleVerdict.Dormant, null, RuleTexts.Dormant(preset));
            }
        }

        return map.Knows(registry)
            ? new RuleResolution(RuleVerdict.NoRule, null, RuleTexts.NoRule(registry, key.Asked))
            : ByPrefix(key.Asked) ?? new RuleResolution(RuleVerdict.UnknownNamespace, null, RuleTexts.UnknownNamespace(registry));
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
        private readonly RepositoryFilter filter = new(rule);

        public PullThroughRule Rule => rule;

        public bool Allows(RepositoryName upstream) => filter.Allows(upstream);
    }
}
