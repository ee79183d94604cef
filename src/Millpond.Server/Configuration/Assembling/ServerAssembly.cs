using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration.Sources;
using Millpond.Server.Configuration.Values;
using static Millpond.Server.Configuration.ConfigurationKeys;

namespace Millpond.Server.Configuration.Assembling;

/// <summary>Puts the whole configuration together and checks what holds across sections.</summary>
internal sealed class ServerAssembly(Draft draft, IReadOnlyDictionary<string, string> environment)
{
    private const int WholeDisk = 100;

    private readonly Settings server = draft.Server;

    public ServerConfiguration Assemble()
    {
        var assembly = new RuleAssembly(draft, environment);
        var rules = assembly.Assemble();
        var admission = new AdmissionAssembly(draft).Assemble(rules);
        var listeners = draft.Listeners.Select(Listener).OfType<RuleListener>().ToImmutableArray();
        CheckPrefixes();
        CheckHosts();
        CheckListenedRules(rules);
        CheckListeners();
        CheckTls();
        CheckAccess();
        CheckSealingKey();
        CheckStorage();
        new FileChecks(draft.Mistakes).Pair(draft.Defaults, UpstreamCertificate, UpstreamKey);
        new FileChecks(draft.Mistakes).Readable(draft.Defaults, UpstreamCa);
        assembly.CheckTrust(draft.Defaults);

        return new ServerConfiguration
        {
            Listen = server.Get(Listen),
            PublicUrl = server.Get(PublicUrl),
            Tls = server.Get(TlsCertificate) is { } certificate && server.Get(TlsKey) is { } key ? new(certificate, key) : null,
            TrustedProxies = server.Get(TrustedProxies),
            Data = server.Get(Data)!,
            Access = server.Get(ConfigurationKeys.AccessMode),
            RobotsFile = server.Get(AccessRobots),
            Ecr = new(server.Get(EcrAccount)!, server.Get(EcrRegion)!),
            SealingKey = new(server.Get(SecretsKeyFile), server.Get(SecretsKeyEnv)),
            AwsSecrets = new(server.Get(SecretsAws), server.Get(SecretsAwsEndpoint), server.Get(SecretsAwsCredentials)),
            OperationsListen = server.Get(OperationsListen),
            Rules = rules,
            RuleDefaults = assembly.Defaults(),
            DormantPresets = assembly.Dormant(rules),
            Listeners = listeners,
            Admission = admission,
            Storage = new(server.Get(StorageLimit), server.Get(StorageHeadroom), server.Get(PartialsFor), server.Get(OrphanFills), server.Get(NearlyDone)),
            Push = new(server.Get(Uploads), server.Get(UploadBytes), server.Get(UploadsFor), server.Get(SparseIndexes)),
            NegativeCache = new(server.Get(NegativeAbsent), server.Get(NegativeRefused)),
            Cost = new()
            {
                Currency = server.Get(CostCurrency)!,
                Clients = server.Get(CostClients),
                EcrStorage = server.Get(PriceEcrStorage),
                SameRegion = server.Get(PriceSameRegion),
                OtherRegion = server.Get(PriceOtherRegion),
                Internet = server.Get(PriceInternet),
                Secret = server.Get(PriceSecret),
                SecretCalls = server.Get(PriceSecretCalls),
                Disk = server.Get(PriceDisk),
                TransferHere = server.Get(PriceTransferHere),
            },
            Lifecycle = new(server.Get(LifecycleEvery), server.Get(LifecycleGrace), server.Get(LifecycleGuard)),
            ShutdownGrace = server.Get(ShutdownGrace),
            Connections = server.Get(Connections),
            Log = new(server.Get(ConfigurationKeys.LogLevel), server.Get(ConfigurationKeys.LogFormat), server.Get(LogAccess)),
        };
    }

    private RuleListener? Listener(Settings listener)
    {
        if (!listener.IsGiven(ListenerUrl))
        {
            Mistake(listener.OriginOf(ListenerUrl), "A rule's listener needs a URL", "Write url: and an address such as http://127.0.0.1:5001");
        }

        if (!listener.IsGiven(ListenerRule))
        {
            Mistake(listener.OriginOf(ListenerRule), "A rule's listener needs the rule's prefix", "Write rule: and a prefix such as docker-hub");
        }

        return listener.Get(ListenerUrl) is { } url && listener.Get(ListenerRule) is { } rule ? new(url, rule) : null;
    }

    private void CheckPrefixes()
    {
        foreach (var same in draft.Rules.Where(r => r.Get(RulePrefix) is not null).GroupBy(r => r.Get(RulePrefix)))
        {
            foreach (var again in same.Skip(1))
            {
                Mistake(again.OriginOf(RulePrefix), $"Two rules have the prefix '{same.Key}' (the first on {same.First().OriginOf(RulePrefix).Place})", "Make them one rule, or rename one");
            }
        }
    }

    private void CheckHosts()
    {
        var owners = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (server.Get(PublicUrl) is { } publicUrl)
        {
            owners.Add(publicUrl.Host, "publicUrl");
        }

        foreach (var rule in draft.Rules)
        {
            foreach (var host in rule.Get(RuleHosts))
            {
                if (!owners.TryAdd(host, $"the rule '{rule.Get(RulePrefix)}'"))
                {
                    Mistake(rule.OriginOf(RuleHosts), $"The host {host} is already that of {owners[host]}", "Give each rule host names of its own");
                }
            }
        }
    }

    private void CheckListenedRules(ImmutableArray<PullThroughRule> rules)
    {
        foreach (var listener in draft.Listeners)
        {
            // A rule with a mistake of its own is written all the same.
            if (listener.Get(ListenerRule) is not { } prefix || draft.Rules.Any(r => r.Get(RulePrefix) == prefix))
            {
                continue;
            }

            var near = Suggestion.For(prefix, rules.Select(r => r.Prefix));
            var remedy = Preset.All.FirstOrDefault(p => p.Prefix == prefix) switch
            {
                { Tier: Tier.OptIn } preset => $"Write a rule with that prefix and {preset.Credential}, or anonymous: true",
                { } preset => $"Add {preset.Prefix} to 'presets'",
                null => near is null ? "Write a rule with that prefix" : $"Did you mean '{near}'?",
            };
            Mistake(listener.OriginOf(ListenerRule), $"There is no rule '{prefix}'", remedy);
        }
    }

    /// <summary>All listeners but those for reviews, with where they were written; a list's entries share its place.</summary>
    private IEnumerable<(Uri Url, SettingOrigin Origin)> OwnListeners() =>
    [
        .. server.Get(Listen).Select(url => (url, server.OriginOf(Listen))),
        .. server.Get(OperationsListen).Select(url => (url, server.OriginOf(OperationsListen))),
        .. draft.Listeners.Where(l => l.Get(ListenerUrl) is not null).Select(l => (l.Get(ListenerUrl)!, l.OriginOf(ListenerUrl))),
    ];

    private void CheckListeners()
    {
        if (server.IsValid(Listen) && server.Get(Listen).IsEmpty && !server.IsGiven(AdmissionListen))
        {
            Mistake(server.OriginOf(Listen), "The list is empty, so that nobody could pull", "Write a URL such as http://127.0.0.1:5000");
        }

        var earlier = new List<Uri>();
        foreach (var (url, place) in OwnListeners().Concat(server.Get(AdmissionListen).Select(url => (url, server.OriginOf(AdmissionListen)))))
        {
            if (earlier.Find(e => ListenAddress.Collide(e, url)) is { } other)
            {
                Mistake(place, $"The listener {url} is taken by {other}", "Give each listener a port of its own");
            }

            earlier.Add(url);
        }
    }

    private void CheckTls()
    {
        new FileChecks(draft.Mistakes).Pair(server, TlsCertificate, TlsKey);
        var secure = OwnListeners().FirstOrDefault(l => l.Url.Scheme == "https");
        if (secure.Url is not null && !server.IsGiven(TlsCertificate) && !server.IsGiven(TlsKey))
        {
            Mistake(secure.Origin, $"The listener {secure.Url} is https, but there is no certificate", "Write tls: {certificate: FILE, key: FILE}, or listen by http");
        }
    }

    private void CheckAccess()
    {
        if (server.IsGiven(ConfigurationKeys.AccessMode))
        {
            return;
        }

        // Health and metrics give no image away, so that operations.listen may be anywhere.
        var pulls = OwnListeners().Where(l => l.Origin != server.OriginOf(OperationsListen) || !server.IsGiven(OperationsListen));
        var open = pulls.FirstOrDefault(l => !ListenAddress.IsLoopback(l.Url));
        if (open.Url is not null)
        {
            Mistake(
                open.Origin with { Key = open.Origin.File is null ? open.Origin.Key : "access.mode" },
                $"The listener {open.Url} is reached from other machines, and nothing says who may pull",
                "Write access: {mode: token} (MILLPOND__ACCESS__MODE=token) to let those pull who have logged in, {mode: anonymous} for everybody who reaches it, or listen on 127.0.0.1");
        }
    }

    private void CheckSealingKey()
    {
        var files = new FileChecks(draft.Mistakes);
        files.Readable(server, AccessRobots);
        files.Readable(server, SecretsKeyFile);
        files.Readable(server, SecretsAwsCredentials);
        if (server.IsGiven(SecretsKeyFile) && server.IsGiven(SecretsKeyEnv))
        {
            Mistake(server.OriginOf(SecretsKeyEnv), "The key of the secrets comes from a file and from a variable", "Keep either 'keyFile' or 'keyEnv'");
        }
        else if (server.Get(SecretsKeyEnv) is { } variable && string.IsNullOrEmpty(environment.GetValueOrDefault(variable)))
        {
            Mistake(server.OriginOf(SecretsKeyEnv), $"The environment variable {variable} is not set", "Set it, or name another");
        }
    }

    private void CheckStorage()
    {
        var (limit, headroom) = (server.Get(StorageLimit), server.Get(StorageHeadroom));
        if ((server.IsGiven(StorageLimit) && !server.IsValid(StorageLimit)) || (server.IsGiven(StorageHeadroom) && !server.IsValid(StorageHeadroom)))
        {
            return;
        }

        if (limit is { Bytes: null, Percent: 0 } or { Bytes: 0 })
        {
            Mistake(server.OriginOf(StorageLimit), "A limit of nothing leaves no room for any blob", "Write a size such as 100GB, or a share of the disk such as 90%");
        }
        else if (limit.Bytes is null && headroom.Bytes is null && limit.Percent + headroom.Percent > WholeDisk)
        {
            var key = server.IsGiven(StorageLimit) ? StorageLimit : StorageHeadroom;
            Mistake(server.OriginOf(key), "The limit and the headroom together are more than the disk", $"Write a limit of at most {WholeDisk - headroom.Percent}%, or less headroom");
        }
    }

    private void Mistake(SettingOrigin origin, string what, string remedy) => draft.Mistakes.Add(origin.Mistake(what, remedy));
}
