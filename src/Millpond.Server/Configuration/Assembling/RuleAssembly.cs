using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration.Sources;
using Millpond.Server.Configuration.Values;
using static Millpond.Server.Configuration.ConfigurationKeys;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>Puts a rule together from what was given, its preset and the defaults, and checks what holds between its keys.</summary>
internal sealed class RuleAssembly(Draft draft, IReadOnlyDictionary<string, string> environment)
{
    private readonly CredentialAssembly credentials = new(draft, environment);

    public ImmutableArray<PullThroughRule> Assemble()
    {
        var written = draft.Rules.Select(r => r.Get(RulePrefix)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var preset in draft.Server.Get(Presets).Where(p => !written.Contains(p.Prefix)))
        {
            draft.RuleFor(preset.Prefix, draft.Server.OriginOf(Presets));
        }

        ImmutableArray<PullThroughRule> rules = [.. draft.Rules.Select(Assemble).OfType<PullThroughRule>()];
        CheckStandsFor(rules);
        return rules;
    }

    /// <summary>A rule of which nothing is said but the defaults.</summary>
    public PullThroughRule Defaults() => Value(new Settings(draft.Defaults.Origin), "defaults", "defaults.invalid", new Uri("https://defaults.invalid"));

    /// <summary>Opt-in presets without a rule, about which a pull is told what to create; none where presets are switched off.</summary>
    public ImmutableArray<Preset> Dormant(ImmutableArray<PullThroughRule> rules) => draft.Server.IsValid(Presets) && draft.Server.Get(Presets).IsEmpty
        ? []
        : [.. Preset.All.Where(p => p.Tier == Tier.OptIn && rules.All(r => r.Prefix != p.Prefix && !r.StandsFor.Contains(p.UpstreamName)))];

    private PullThroughRule? Assemble(Settings rule)
    {
        if (rule.Get(RulePrefix) is not { } prefix)
        {
            if (!rule.IsGiven(RulePrefix))
            {
                Mistake(rule.OriginOf(RulePrefix), "A rule needs a prefix", "Write prefix: and a name such as quay or team-a/harbor");
            }

            return null;
        }

        var preset = Preset.All.FirstOrDefault(p => p.Prefix == prefix);
        var address = rule.Get(RuleUpstream);
        if (address is null && preset is null && !rule.IsGiven(RuleUpstream))
        {
            var near = Suggestion.For(prefix, Preset.All.Select(p => p.Prefix));
            Mistake(
                rule.OriginOf(RuleUpstream), $"The rule '{prefix}' is no preset, so it needs an upstream",
                $"Write upstream: and a host such as gcr.io{(near is null ? "" : $", or the preset's name {near}")}");
        }

        credentials.Check(rule, prefix, preset);
        CheckAllow(rule, prefix);
        CheckFiles(rule);
        CheckTrust(rule);
        if (prefix == RuleNames.Root && rule.IsGiven(RuleRepositoryPrefix))
        {
            Mistake(rule.OriginOf(RuleRepositoryPrefix), "The ROOT rule takes no repository prefix", "Leave it out, or give the rule a prefix of its own");
        }

        var url = address?.Url ?? preset?.Upstream;
        if (url is null)
        {
            return null;
        }

        var value = Value(rule, prefix, preset?.UpstreamName ?? address!.Name, url) with { Tier = preset?.Tier ?? Tier.ByRule };

        // A preset's registry by a cache that has it below a prefix: that prefix is the cache's, and no part of the registry's own names.
        return preset is not null && address is not null && value.UpstreamRepositoryPrefix is not null && !UpstreamHosts.AreSame(address.Name, preset.UpstreamName)
            ? value with { UpstreamName = address.Name, StandsFor = [preset.UpstreamName, .. value.StandsFor] }
            : value;
    }

    private PullThroughRule Value(Settings rule, string prefix, string upstreamName, Uri upstream) => new()
    {
        Prefix = prefix,
        UpstreamName = upstreamName,
        Upstream = upstream,
        UpstreamRepositoryPrefix = rule.Get(RuleRepositoryPrefix),
        StandsFor = rule.Get(RuleStandsFor),
        Hosts = rule.Get(RuleHosts),
        Anonymous = rule.Get(RuleAnonymous) || (draft.AnonymousByFlag.Contains(rule) && !CredentialAssembly.IsGiven(rule)),
        Credential = CredentialAssembly.Of(rule),
        Access = AccessOf(rule),
        Allow = rule.Get(RuleAllow),
        Deny = rule.Get(RuleDeny),
        Guard = rule.Get(RuleGuard),
        RevalidateAfter = rule.Get(RevalidateAfter, draft.Defaults),
        OnUpstreamDelete = rule.Get(ConfigurationKeys.OnUpstreamDelete, draft.Defaults),
        CompleteImages = rule.Get(CompleteImages, draft.Defaults),
        CompleteIndexes = rule.Get(CompleteIndexes, draft.Defaults),
        Timeouts = new(
            rule.Get(TimeoutConnect, draft.Defaults), rule.Get(TimeoutFirstByte, draft.Defaults),
            rule.Get(TimeoutRevalidate, draft.Defaults), rule.Get(TimeoutIdle, draft.Defaults)),
        MinimumRate = rule.Get(MinimumRate, draft.Defaults),
        Limits = new(rule.Get(LimitFills, draft.Defaults), rule.Get(LimitRequests, draft.Defaults)),
        Tls = new(
            rule.Get(UpstreamCa, draft.Defaults), rule.Get(UpstreamCertificate, draft.Defaults),
            rule.Get(UpstreamKey, draft.Defaults), rule.Get(UpstreamInsecure, draft.Defaults)),
        Proxy = rule.Get(Proxy, draft.Defaults),
        Headers = rule.Get(Headers, draft.Defaults),
        TokenRealms = rule.Get(TokenRealms, draft.Defaults),
        PrivateRedirects = rule.Get(PrivateRedirects, draft.Defaults),
    };

    /// <summary>An image of a registry is pulled by one rule.</summary>
    private void CheckStandsFor(ImmutableArray<PullThroughRule> rules)
    {
        var owners = rules.Where(rule => rule.UpstreamRepositoryPrefix is null).ToLookup(rule => UpstreamHosts.Normalise(rule.UpstreamName), rule => rule.Prefix);
        var taken = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var rule in rules)
        {
            foreach (var registry in rule.StandsFor)
            {
                var other = owners[registry].FirstOrDefault() ?? taken.GetValueOrDefault(registry);
                taken.TryAdd(registry, rule.Prefix);
                if (other is not null || UpstreamHosts.AreSame(registry, rule.UpstreamName))
                {
                    Mistake(
                        draft.RuleFor(rule.Prefix, draft.Server.OriginOf(Presets)).OriginOf(RuleStandsFor),
                        other is null || other == rule.Prefix ? $"The rule '{rule.Prefix}' names {registry} twice" : $"The registry {registry} is already pulled by the rule '{other}'",
                        other is not null && Preset.All.Any(preset => preset.Prefix == other)
                            ? $"Give that rule this upstream instead (prefix: {other}, upstream: …), or leave {other} out of 'presets'"
                            : "Name each registry once");
                }
            }
        }
    }

    private void CheckAllow(Settings rule, string prefix)
    {
        if (!rule.IsGiven(RuleAllow) && AccessOf(rule) == Configuration.AccessMode.Anonymous && Authentication(rule) is { } by)
        {
            Mistake(
                rule.OriginOf(RuleAllow), $"The rule '{prefix}' has {by} and anyone may pull by it, so it must say which repositories",
                "Write allow: with globs such as [\"library/**\"], or [\"**\"] for all that can be read with it");
        }
        else if (rule.IsValid(RuleAllow) && rule.Get(RuleAllow).IsEmpty)
        {
            Mistake(rule.OriginOf(RuleAllow), "The list is empty, so that nothing could be pulled", "Write [\"**\"] for all, or take the rule away");
        }
    }

    private AccessMode AccessOf(Settings rule) => rule.Get(RuleAccess) ?? draft.Server.Get(ConfigurationKeys.AccessMode);

    /// <summary>By what the upstream knows this server, in words; null where it does not.</summary>
    private string? Authentication(Settings rule)
    {
        if (CredentialAssembly.IsGiven(rule))
        {
            return "a credential";
        }

        if (rule.Get(UpstreamCertificate, draft.Defaults) is not null)
        {
            return "a client certificate";
        }

        var section = rule.IsGiven(Headers) ? rule : draft.Defaults;
        if (section.IsGiven(Headers) && !section.IsValid(Headers))
        {
            return null;
        }

        var header = section.Get(Headers).FirstOrDefault(header => !HarmlessHeaders.Contains(header.Key)).Key;
        return header is null ? null : $"the header {header}, which may authenticate,";
    }

    /// <summary>Of an authority that is named and not asked one would believe that it protects.</summary>
    public void CheckTrust(Settings section)
    {
        if (section.Get(UpstreamCa) is not null && section.Get(UpstreamInsecure, draft.Defaults))
        {
            Mistake(
                section.IsGiven(UpstreamInsecure) ? section.OriginOf(UpstreamInsecure) : section.OriginOf(UpstreamCa),
                "With insecure: true any certificate is believed, and the authority in 'ca' means nothing", "Keep 'ca' and take insecure away; or insecure alone, if it must be");
        }
    }

    private void CheckFiles(Settings rule)
    {
        var files = new FileChecks(draft.Mistakes);
        files.Readable(rule, CredentialFile);
        files.Readable(rule, UpstreamCa);
        files.Pair(rule, UpstreamCertificate, UpstreamKey);
    }

    private void Mistake(SettingOrigin origin, string what, string remedy) => draft.Mistakes.Add(origin.Mistake(what, remedy));
}
