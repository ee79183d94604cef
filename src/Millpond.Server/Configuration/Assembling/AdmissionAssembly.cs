using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration.Sources;
using static Millpond.Server.Configuration.ConfigurationKeys;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>Puts the section of reviews together and checks what holds between its keys.</summary>
internal sealed class AdmissionAssembly(Draft draft)
{
    private readonly Settings server = draft.Server;

    /// <param name="rules">The rules, of which <c>admission.tiers</c> may name some.</param>
    public AdmissionConfiguration Assemble(ImmutableArray<PullThroughRule> rules)
    {
        var listen = server.Get(AdmissionListen);
        var registry = Registry();
        var files = new FileChecks(draft.Mistakes);
        files.Pair(server, AdmissionCertificate, AdmissionKey);
        files.Readable(server, AdmissionClientCa);
        CheckTiers(rules);
        if (!listen.IsEmpty)
        {
            CheckListeners(listen);
            CheckCertificate();
            if (registry is null && !server.IsGiven(AdmissionRegistry))
            {
                Mistake(
                    server.OriginOf(AdmissionListen) with { Key = "admission.registry" }, "Nothing says what references are rewritten to",
                    "Write registry: (MILLPOND__ADMISSION__REGISTRY) and the cache's host as nodes reach it, such as cache.corp.example, or set publicUrl");
            }
        }

        return new()
        {
            Listen = listen,
            Registry = registry,
            Tls = server.Get(AdmissionCertificate) is { } certificate && server.Get(AdmissionKey) is { } key ? new(certificate, key) : null,
            ClientAuthority = server.Get(AdmissionClientCa),
            Hosts = server.Get(AdmissionHosts),
            Tiers = server.Get(AdmissionTiers),
            ExcludedNamespaces = server.Get(AdmissionExcludeNamespaces),
            OwnImages = server.Get(AdmissionOwnImages),
            OldRegistries = server.Get(AdmissionOldRegistries),
        };
    }

    private RegistryAddress? Registry()
    {
        if (server.Get(AdmissionRegistry) is { } given)
        {
            return given;
        }

        return server.Get(PublicUrl) is { } url && RegistryAddress.TryParse(url.Authority, out var address) ? address : null;
    }

    private void CheckListeners(ImmutableArray<Uri> listen)
    {
        if (listen.FirstOrDefault(url => url.Scheme != "https") is { } plain)
        {
            Mistake(server.OriginOf(AdmissionListen), $"The listener {plain} is http, but API servers ask for reviews by https only", $"Write https://{plain.Authority}");
        }
    }

    private void CheckCertificate()
    {
        var (hasFiles, isSelfSigned) = (server.IsGiven(AdmissionCertificate) || server.IsGiven(AdmissionKey), server.Get(AdmissionSelfSigned));
        if (hasFiles && isSelfSigned)
        {
            Mistake(server.OriginOf(AdmissionSelfSigned), "There is a certificate, and the server is told to make one", "Keep either 'tls' or 'selfSigned: true'");
        }
        else if (!hasFiles && !isSelfSigned && (!server.IsGiven(AdmissionSelfSigned) || server.IsValid(AdmissionSelfSigned)))
        {
            Mistake(
                server.OriginOf(AdmissionListen), "Reviews are answered by https, but there is no certificate",
                "Write tls: {certificate: FILE, key: FILE}, or selfSigned: true (--self-signed) for one that the server makes");
        }
    }

    private void CheckTiers(ImmutableArray<PullThroughRule> rules)
    {
        if (server.IsValid(AdmissionTiers) && server.Get(AdmissionTiers).IsEmpty)
        {
            Mistake(server.OriginOf(AdmissionTiers), "The list is empty, so that nothing would be rewritten", "Write all, or leave it out");
        }

        foreach (var word in server.Get(AdmissionTiers))
        {
            // A rule with a mistake of its own is written all the same.
            var isKnown = word is TierNames.All or TierNames.Default or TierNames.OptIn
                || rules.Any(rule => rule.Prefix == word) || draft.Rules.Any(rule => rule.Get(RulePrefix) == word);
            if (!isKnown)
            {
                var near = Suggestion.For(word, rules.Select(rule => rule.Prefix).Concat([TierNames.All, TierNames.Default, TierNames.OptIn]));
                Mistake(server.OriginOf(AdmissionTiers), $"There is no tier and no rule '{word}'", near is null ? "Write a rule with that prefix" : $"Did you mean '{near}'?");
            }
        }
    }

    private void Mistake(SettingOrigin origin, string what, string remedy) => draft.Mistakes.Add(origin.Mistake(what, remedy));
}
