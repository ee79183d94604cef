using System.Collections.Immutable;
using static Millpond.Server.Configuration.ConfigurationKeys;

namespace Millpond.Server.Configuration;

/// <summary>Puts a rule together from what was given, its preset and the defaults, and checks what holds between its keys.</summary>
internal sealed class RuleAssembly(Draft draft, IReadOnlyDictionary<string, string> environment)
{
    public ImmutableArray<PullThroughRule> Assemble()
    {
        var written = draft.Rules.Select(r => r.Get(RulePrefix)).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var preset in draft.Server.Get(Presets).Where(p => !written.Contains(p.Prefix)))
        {
            draft.RuleFor(preset.Prefix, draft.Server.OriginOf(Presets));
        }

        return [.. draft.Rules.Select(Assemble).OfType<PullThroughRule>()];
    }

    /// <summary>Opt-in presets without a rule, about which a pull is told what to create; none where presets are switched off.</summary>
    public ImmutableArray<Preset> Dormant(ImmutableArray<PullThroughRule> rules) => draft.Server.IsValid(Presets) && draft.Server.Get(Presets).IsEmpty
        ? []
        : [.. Preset.All.Where(p => p.Tier == Tier.OptIn && rules.All(r => r.Prefix != p.Prefix))];

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

        CheckCredential(rule, prefix, preset);
        CheckFiles(rule);
        if (prefix == PullThroughRule.RootPrefix && rule.IsGiven(RuleRepositoryPrefix))
        {
            Mistake(rule.OriginOf(RuleRepositoryPrefix), "The ROOT rule takes no repository prefix", "Leave it out, or give the rule a prefix of its own");
        }

        var url = address?.Url ?? preset?.Upstream;
        return url is null ? null : Value(rule, prefix, preset?.UpstreamName ?? address!.Name, url) with { Tier = preset?.Tier ?? Tier.ByRule };
    }

    private PullThroughRule Value(Settings rule, string prefix, string upstreamName, Uri upstream) => new()
    {
        Prefix = prefix,
        UpstreamName = upstreamName,
        Upstream = upstream,
        UpstreamRepositoryPrefix = rule.Get(RuleRepositoryPrefix),
        Hosts = rule.Get(RuleHosts),
        Anonymous = rule.Get(RuleAnonymous) || (draft.AnonymousByFlag.Contains(rule) && !HasCredential(rule)),
        Credential = HasCredential(rule) ? new(rule.Get(CredentialFile), rule.Get(CredentialUsernameEnv), rule.Get(CredentialTokenEnv)) : null,
        Allow = rule.Get(RuleAllow),
        Deny = rule.Get(RuleDeny),
        RevalidateAfter = rule.Get(RevalidateAfter, draft.Defaults),
        OnUpstreamDelete = rule.Get(ConfigurationKeys.OnUpstreamDelete, draft.Defaults),
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

    private static bool HasCredential(Settings rule) =>
        rule.IsGiven(CredentialFile) || rule.IsGiven(CredentialUsernameEnv) || rule.IsGiven(CredentialTokenEnv);

    private void CheckCredential(Settings rule, string prefix, Preset? preset)
    {
        var has = HasCredential(rule);
        if (preset is { Tier: Tier.OptIn } && !has && !rule.IsGiven(RuleAnonymous) && !draft.AnonymousByFlag.Contains(rule))
        {
            Mistake(
                rule.Origin, $"The rule '{prefix}' is for {preset.UpstreamName}, which wants {preset.Credential}",
                "Write credential: {file: …} and allow:, or anonymous: true to pull without an account");
        }
        else if (preset is { Tier: Tier.OptIn } && !has && rule.IsValid(RuleAnonymous) && !rule.Get(RuleAnonymous))
        {
            Mistake(rule.OriginOf(RuleAnonymous), $"The rule '{prefix}' has neither a credential nor anonymous: true", $"Give it {preset.Credential}, or write anonymous: true");
        }

        if (has && rule.Get(RuleAnonymous))
        {
            Mistake(rule.OriginOf(RuleAnonymous), "The rule has a credential and says that it needs none", "Keep either 'credential' or 'anonymous: true'");
        }

        if (has)
        {
            CheckCredentialParts(rule);
        }

        if (has && !rule.IsGiven(RuleAllow))
        {
            Mistake(
                rule.OriginOf(RuleAllow), $"The rule '{prefix}' has a credential and anyone may pull by it, so it must say which repositories",
                "Write allow: with globs such as [\"library/**\"], or [\"**\"] for all that the credential can read");
        }
        else if (rule.IsValid(RuleAllow) && rule.Get(RuleAllow).IsEmpty)
        {
            Mistake(rule.OriginOf(RuleAllow), "The list is empty, so that nothing could be pulled", "Write [\"**\"] for all, or take the rule away");
        }
    }

    private void CheckCredentialParts(Settings rule)
    {
        var pair = (rule.IsGiven(CredentialUsernameEnv), rule.IsGiven(CredentialTokenEnv));
        if (rule.IsGiven(CredentialFile) && pair != (false, false))
        {
            Mistake(rule.OriginOf(CredentialFile), "The credential comes from a file and from variables", "Keep either 'file', or 'usernameEnv' and 'tokenEnv'");
        }
        else if (pair is (true, false) or (false, true))
        {
            var missing = pair.Item1 ? CredentialTokenEnv : CredentialUsernameEnv;
            Mistake(rule.OriginOf(missing), "Half of the credential is missing", "Name a variable for the user name in 'usernameEnv' and one for the token in 'tokenEnv'");
        }

        foreach (var key in new[] { CredentialUsernameEnv, CredentialTokenEnv })
        {
            if (rule.Get(key) is { } variable && string.IsNullOrEmpty(environment.GetValueOrDefault(variable)))
            {
                Mistake(rule.OriginOf(key), $"The environment variable {variable} is not set", "Set it, or name another");
            }
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
