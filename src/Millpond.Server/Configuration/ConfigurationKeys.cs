using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration.Values;
using static Millpond.Server.Configuration.KeyScope;

namespace Millpond.Server.Configuration;

/// <summary>
/// The one table of keys: what the reader knows, what a mistyped key is compared with, where defaults stand, and what
/// <c>docs/configuration.md</c> lists.
/// </summary>
public static class ConfigurationKeys
{
    /// <summary>Filled by the fields below, so it must stand above them.</summary>
    private static readonly List<ConfigurationKey> Table = [];

    internal static readonly ConfigurationKey<ImmutableArray<Uri>> Listen = Default(TopLevel, "listen", KeyTypes.ListenUrls, "http://127.0.0.1:5000",
        "Where clients reach the server. `https` needs `tls`; beyond loopback `access.mode` must be said. `localhost` is 127.0.0.1, port 0 a free port");
    internal static readonly ConfigurationKey<Uri?> PublicUrl = Optional(TopLevel, "publicUrl", KeyTypes.PublicUrl,
        "What clients call the server, behind an ingress. Without it `Location` and `Link` are relative");
    internal static readonly ConfigurationKey<string?> TlsCertificate = Optional(TopLevel, "tls.certificate", KeyTypes.File,
        "PEM file with the certificate and its chain for https listeners; read again when it changes");
    internal static readonly ConfigurationKey<string?> TlsKey = Optional(TopLevel, "tls.key", KeyTypes.File, "PEM file with the certificate's private key");
    internal static readonly ConfigurationKey<ImmutableArray<IPNetwork>> TrustedProxies = Optional(TopLevel, "trustedProxies", KeyTypes.Networks,
        "Whose `X-Forwarded-*` headers are believed");
    internal static readonly ConfigurationKey<string?> Data = Default(TopLevel, "data", KeyTypes.Folder, "./millpond-data",
        "The folder of everything kept. Locked: a second server on it is refused, and so is a format newer than the program");
    internal static readonly ConfigurationKey<AccessMode> AccessMode = Optional(TopLevel, "access.mode", KeyTypes.AccessMode,
        "Who may pull. `anonymous`: whoever reaches a listener; `token`: whoever has logged in and may, and whoever asks where a rule says `access: anonymous`",
        "`anonymous` on loopback, else it must be said");
    internal static readonly ConfigurationKey<string?> AccessRobots = Optional(TopLevel, "access.robots", KeyTypes.File,
        "File of logins by password, a line each: `name:hash:policy[,policy]`. `millpond access hash` makes the hash; policies are `PullOnly`, `ReadOnly`, `PowerUser`, `FullAccess`. Read again when it changes");
    internal static readonly ConfigurationKey<string?> EcrAccount = Default(TopLevel, "ecr.account", KeyTypes.Account, "000000000000",
        "The account that owns the registry, in ARNs and as `registryId`");
    internal static readonly ConfigurationKey<string?> EcrRegion = Default(TopLevel, "ecr.region", KeyTypes.Region, "us-east-1", "The region in ARNs");
    internal static readonly ConfigurationKey<string?> SecretsKeyFile = Optional(TopLevel, "secrets.keyFile", KeyTypes.File,
        "File with the key that seals secrets and access keys in the catalog: lines of 32 random bytes in base64, the first seals (`openssl rand -base64 32`)", "one of its own, in `secrets` under `data`");
    internal static readonly ConfigurationKey<string?> SecretsKeyEnv = Optional(TopLevel, "secrets.keyEnv", KeyTypes.Variable,
        "Environment variable with that key, instead of a file");
    internal static readonly ConfigurationKey<bool> SecretsAws = Default(TopLevel, "secrets.aws", KeyTypes.Boolean, "false",
        "`true` = rules made through the API may name secrets that are not kept here, but in AWS's Secrets Manager");
    internal static readonly ConfigurationKey<Uri?> SecretsAwsEndpoint = Optional(TopLevel, "secrets.awsEndpoint", KeyTypes.SecretServiceUrl,
        "Where AWS's Secrets Manager is", "AWS's own of the secret's region");
    internal static readonly ConfigurationKey<string?> SecretsAwsCredentials = Optional(TopLevel, "secrets.awsCredentials", KeyTypes.File,
        "Shared credentials file with the key that it is asked with; the profile is `AWS_PROFILE` or `default`", "what AWS tools would use: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or the file of `AWS_SHARED_CREDENTIALS_FILE`");
    internal static readonly ConfigurationKey<ImmutableArray<Uri>> OperationsListen = Optional(TopLevel, "operations.listen", KeyTypes.ListenUrls,
        "Listeners of their own for health, metrics and `/-/`", "the main listener");
    internal static readonly ConfigurationKey<ImmutableArray<Uri>> AdmissionListen = Optional(TopLevel, "admission.listen", KeyTypes.ListenUrls,
        "Listeners of their own, by https, for reviews of pods (`POST /admit`) and nothing else. `listen: []` beside them = reviews only", "no reviews");
    internal static readonly ConfigurationKey<RegistryAddress?> AdmissionRegistry = Optional(TopLevel, "admission.registry", KeyTypes.Registry,
        "What references of pods are rewritten to", "the host of `publicUrl`");
    internal static readonly ConfigurationKey<ImmutableArray<string>> AdmissionTiers = Default(TopLevel, "admission.tiers", KeyTypes.Tiers, "all",
        "The rules by which pods are rewritten: `default`, `opt-in`, `all`, or prefixes. An opt-in preset that is not set up never counts");
    internal static readonly ConfigurationKey<string?> AdmissionCertificate = Optional(TopLevel, "admission.tls.certificate", KeyTypes.File,
        "PEM file with the certificate and its chain for reviews; read again when it changes");
    internal static readonly ConfigurationKey<string?> AdmissionKey = Optional(TopLevel, "admission.tls.key", KeyTypes.File, "PEM file with its private key");
    internal static readonly ConfigurationKey<bool> AdmissionSelfSigned = Default(TopLevel, "admission.selfSigned", KeyTypes.Boolean, "false",
        "`true` = a certificate under an authority that the server makes and keeps in `data`; the log says its `caBundle`");
    internal static readonly ConfigurationKey<string?> AdmissionClientCa = Optional(TopLevel, "admission.clientCa", KeyTypes.File,
        "PEM file with the authority under which API servers must show a certificate; others are answered 403. Read again when it changes", "whoever reaches the listener may ask");
    internal static readonly ConfigurationKey<ImmutableArray<string>> AdmissionHosts = Default(TopLevel, "admission.hosts", KeyTypes.Hosts, "millpond.millpond.svc",
        "What API servers call this server, in its own certificate");
    internal static readonly ConfigurationKey<ImmutableArray<string>> AdmissionExcludeNamespaces = Default(
        TopLevel, "admission.excludeNamespaces", KeyTypes.Namespaces, "kube-system", "Namespaces whose pods are left alone");
    internal static readonly ConfigurationKey<ImmutableArray<string>> AdmissionOwnImages = Optional(TopLevel, "admission.ownImages", KeyTypes.ImageNames,
        "Images that are left alone everywhere, without tag: the server cannot be pulled through itself");
    internal static readonly ConfigurationKey<ImmutableArray<RegistryAddress>> AdmissionOldRegistries = Optional(
        TopLevel, "admission.oldRegistries", KeyTypes.Registries, "Registries that were the cache until now: references that name them are moved to this one");
    internal static readonly ConfigurationKey<ImmutableArray<Preset>> Presets = Default(TopLevel, "presets", KeyTypes.Presets, "quay, k8s",
        "Presets that are rules without being written, also beside `rules`. `[]` = none, nor any answer about opt-in presets");
    internal static readonly ConfigurationKey<SizeLimit> StorageLimit = Default(TopLevel, "storage.limit", KeyTypes.SizeOrPercent, "90%",
        "Up to where the store may fill the disk; beyond it the least recently pulled is evicted");
    internal static readonly ConfigurationKey<SizeLimit> StorageHeadroom = Default(TopLevel, "storage.headroom", KeyTypes.SizeOrPercent, "5%",
        "What fills leave free on the disk for the catalog");
    internal static readonly ConfigurationKey<TimeSpan> PartialsFor = Default(TopLevel, "storage.partialsFor", KeyTypes.Duration, "24h",
        "How long a paused fill keeps what it has");
    internal static readonly ConfigurationKey<int> OrphanFills = Default(TopLevel, "storage.orphanFills", KeyTypes.Count, "4",
        "How many fills may run on without a reader");
    internal static readonly ConfigurationKey<long> NearlyDone = Default(TopLevel, "storage.nearlyDone", KeyTypes.Size, "64MiB",
        "A fill with no more than this left runs on without a reader in any case");
    internal static readonly ConfigurationKey<int> Uploads = Default(TopLevel, "push.uploads", KeyTypes.PositiveCount, "1000",
        "How many uploads may be under way at once; beyond it the one that was left alone longest, ten minutes at least, makes room");
    internal static readonly ConfigurationKey<SizeLimit> UploadBytes = Default(TopLevel, "push.uploadBytes", KeyTypes.SizeOrPercent, "50%",
        "What all uploads under way may take together, of the disk's size or in bytes; they count for `storage.limit` too");
    internal static readonly ConfigurationKey<TimeSpan> UploadsFor = Default(TopLevel, "push.uploadsFor", KeyTypes.Duration, "24h",
        "How long an upload that nobody goes on with keeps what it has, also over restarts");
    internal static readonly ConfigurationKey<bool> SparseIndexes = Default(TopLevel, "push.sparseIndexes", KeyTypes.Boolean, "false",
        "`true` = an index may be pushed before the manifests it names, or without some of them");
    internal static readonly ConfigurationKey<TimeSpan> NegativeAbsent = Default(TopLevel, "negativeCache.absent", KeyTypes.Duration, "30s",
        "How long an upstream's 404 is believed");
    internal static readonly ConfigurationKey<TimeSpan> NegativeRefused = Default(TopLevel, "negativeCache.refused", KeyTypes.Duration, "30s",
        "How long an upstream's 401 or 403 is believed for the same credential");
    internal static readonly ConfigurationKey<string?> CostCurrency = Default(TopLevel, "cost.currency", KeyTypes.Currency, "USD",
        "What the prices are in, as the report of costs names it (docs/cost.md)");
    internal static readonly ConfigurationKey<ClientPlace> CostClients = Default(TopLevel, "cost.clients", KeyTypes.ClientPlace, "same-region",
        "From where clients would pull on ECR: which of the prices of transfer counts");
    internal static readonly ConfigurationKey<decimal> PriceEcrStorage = Default(TopLevel, "cost.prices.ecrStorage", KeyTypes.Price, "0.10",
        "ECR: a GB stored for a month");
    internal static readonly ConfigurationKey<decimal> PriceSameRegion = Default(TopLevel, "cost.prices.sameRegion", KeyTypes.Price, "0",
        "ECR: a GB sent to clients in its region");
    internal static readonly ConfigurationKey<decimal> PriceOtherRegion = Default(TopLevel, "cost.prices.otherRegion", KeyTypes.Price, "0.02",
        "ECR: a GB sent to another region");
    internal static readonly ConfigurationKey<decimal> PriceInternet = Default(TopLevel, "cost.prices.internet", KeyTypes.Price, "0.09",
        "ECR: a GB sent out to the internet");
    internal static readonly ConfigurationKey<decimal> PriceSecret = Default(TopLevel, "cost.prices.secret", KeyTypes.Price, "0.40",
        "AWS Secrets Manager: a secret for a month");
    internal static readonly ConfigurationKey<decimal> PriceSecretCalls = Default(TopLevel, "cost.prices.secretCalls", KeyTypes.Price, "0.05",
        "AWS Secrets Manager: 10,000 calls");
    internal static readonly ConfigurationKey<decimal> PriceDisk = Default(TopLevel, "cost.prices.disk", KeyTypes.Price, "0.08",
        "Here: a GB of disk for a month");
    internal static readonly ConfigurationKey<decimal> PriceTransferHere = Default(TopLevel, "cost.prices.transferHere", KeyTypes.Price, "0",
        "Here: a GB sent to clients");
    internal static readonly ConfigurationKey<TimeSpan> LifecycleEvery = Default(TopLevel, "lifecycle.every", KeyTypes.PositiveDuration, "1h",
        "How often lifecycle policies run; the first time a minute after the start");
    internal static readonly ConfigurationKey<TimeSpan> LifecycleGrace = Default(TopLevel, "lifecycle.grace", KeyTypes.Duration, "1h",
        "How long what nobody refers to any more stays before its bytes go");
    internal static readonly ConfigurationKey<bool> LifecycleGuard = Default(TopLevel, "lifecycle.guard", KeyTypes.Boolean, "true",
        "`true` = a policy takes an image out of a cache only after its upstream has just shown it. `false` = whether it can be pulled again or not");
    internal static readonly ConfigurationKey<int> Connections = Default(TopLevel, "limits.connections", KeyTypes.PositiveCount, "10000",
        "Connections that a listener for pulls has open at once; further ones are closed. Operations and reviews are not limited");
    internal static readonly ConfigurationKey<TimeSpan> ShutdownGrace = Default(TopLevel, "shutdown.grace", KeyTypes.ShortDuration, "30s",
        "How long running requests, and fills with readers, go on after SIGTERM");
    internal static readonly ConfigurationKey<LogLevel> LogLevel = Default(TopLevel, "log.level", KeyTypes.LogLevel, "info", "The least severe line that is written");
    internal static readonly ConfigurationKey<LogFormat?> LogFormat = Optional(TopLevel, "log.format", KeyTypes.LogFormat, "How lines are written", "`text` on a terminal, else `json`");
    internal static readonly ConfigurationKey<bool> LogAccess = Default(TopLevel, "log.access", KeyTypes.Boolean, "true", "A line per request");

    internal static readonly ConfigurationKey<string?> RulePrefix = Optional(Rule, "prefix", KeyTypes.Prefix,
        "First segments of the repositories pulled by this rule; the longest prefix wins, `ROOT` matches last. A preset's name inherits the preset", "required");
    internal static readonly ConfigurationKey<UpstreamAddress?> RuleUpstream = Optional(Rule, "upstream", KeyTypes.Upstream,
        "The registry behind the rule; a bare host means https. For a rule named like a preset only the address changes: it still stands for the preset's registry",
        "the preset's, else required");
    internal static readonly ConfigurationKey<string?> RuleRepositoryPrefix = Optional(Rule, "upstreamRepositoryPrefix", KeyTypes.RepositoryPrefix,
        "Put before the repository at the upstream, as in ECR; not for `ROOT`");
    internal static readonly ConfigurationKey<ImmutableArray<string>> RuleHosts = Optional(Rule, "hosts", KeyTypes.Hosts,
        "Names of this server that mean the rule and no other, without the prefix in the path");
    internal static readonly ConfigurationKey<ImmutableArray<string>> RuleStandsFor = Optional(Rule, "standsFor", KeyTypes.RegistryHosts,
        "Further registries that are pulled by the rule, because its upstream is a cache of them: `?ns=`, rewriting, mirrors, coverage and reviews take their images to it. Repositories have the same names there as below `upstreamRepositoryPrefix`");
    internal static readonly ConfigurationKey<bool> RuleAnonymous = Default(Rule, "anonymous", KeyTypes.Boolean, "false",
        "`true` = pull an opt-in upstream without a credential");
    internal static readonly ConfigurationKey<AccessMode?> RuleAccess = Optional(Rule, "access", KeyTypes.RuleAccess,
        "`anonymous`: whoever asks may pull by the rule, first pulls included; `token`: who has logged in and may", "as `access.mode`");
    internal static readonly ConfigurationKey<string?> CredentialFile = Optional(Rule, "credential.file", KeyTypes.File,
        "JSON file `{\"username\": \"…\", \"accessToken\": \"…\"}`; read again when it changes");
    internal static readonly ConfigurationKey<string?> CredentialUsernameEnv = Optional(Rule, "credential.usernameEnv", KeyTypes.Variable,
        "Environment variable with the user name, together with `tokenEnv`, instead of `file`");
    internal static readonly ConfigurationKey<string?> CredentialTokenEnv = Optional(Rule, "credential.tokenEnv", KeyTypes.Variable,
        "Environment variable with the access token");
    internal static readonly ConfigurationKey<string?> CredentialSecretArn = Optional(Rule, "credential.secretArn", KeyTypes.SecretArn,
        "ARN of a secret kept by this server's own Secrets Manager, which holds what `file` does; a change holds from the next request on");
    internal static readonly ConfigurationKey<string?> CredentialAwsSecretArn = Optional(Rule, "credential.awsSecretArn", KeyTypes.SecretArn,
        "ARN of a secret of AWS's Secrets Manager. It is asked for again after five minutes, and when the upstream refuses it; for a day the last value is used while AWS does not answer");
    internal static readonly ConfigurationKey<ImmutableArray<string>> RuleAllow = Optional(Rule, "allow", KeyTypes.Globs,
        "Which repositories at the upstream may be pulled (below `upstreamRepositoryPrefix`). A rule that anybody pulls by and that has a credential, a client certificate or headers that may authenticate must state it",
        "all");
    internal static readonly ConfigurationKey<ImmutableArray<string>> RuleDeny = Optional(Rule, "deny", KeyTypes.Globs, "Which of the allowed ones may not. What may not be pulled is not named by `_catalog` either");

    internal static readonly ConfigurationKey<bool?> RuleGuard = Optional(Rule, "guard", KeyTypes.OptionalBoolean,
        "As `lifecycle.guard`, for what is pulled by the rule", "`lifecycle.guard`");

    internal static readonly ConfigurationKey<TimeSpan> RevalidateAfter = Default(RuleAndDefaults, "revalidateAfter", KeyTypes.Duration, "24h",
        "How long a tag is served without asking the upstream; `0s` = ask at every pull");
    internal static readonly ConfigurationKey<OnUpstreamDelete> OnUpstreamDelete = Default(RuleAndDefaults, "onUpstreamDelete", KeyTypes.OnUpstreamDelete, "keep",
        "What a tag does that the upstream has deleted");
    internal static readonly ConfigurationKey<ImageCompletion> CompleteImages = Default(RuleAndDefaults, "completeImages", KeyTypes.ImageCompletion, "layers",
        "When the rest of a pulled image (that platform) is fetched in the background: once a client has asked for its manifest and a `layers`, `always` once its manifest was pulled, or `never`");
    internal static readonly ConfigurationKey<IndexCompletion> CompleteIndexes = Default(RuleAndDefaults, "completeIndexes", KeyTypes.Completion, "none",
        "Which other platforms of a pulled index are fetched in the background. `off` and `false` are read as `none`");
    internal static readonly ConfigurationKey<TimeSpan> TimeoutConnect = Default(RuleAndDefaults, "timeouts.connect", KeyTypes.PositiveDuration, "10s",
        "To have a connection to the upstream");
    internal static readonly ConfigurationKey<TimeSpan> TimeoutFirstByte = Default(RuleAndDefaults, "timeouts.firstByte", KeyTypes.PositiveDuration, "30s",
        "From a request to the answer's headers");
    internal static readonly ConfigurationKey<TimeSpan> TimeoutRevalidate = Default(RuleAndDefaults, "timeouts.revalidate", KeyTypes.PositiveDuration, "5s",
        "A whole check of a tag that is cached; then it is served stale");
    internal static readonly ConfigurationKey<TimeSpan> TimeoutIdle = Default(RuleAndDefaults, "timeouts.idle", KeyTypes.PositiveDuration, "30s",
        "Between two reads of a body; then the fill resumes on another connection");
    internal static readonly ConfigurationKey<long> MinimumRate = Default(RuleAndDefaults, "minimumRate", KeyTypes.Size, "10KiB",
        "Per second, over 60 s: a slower fill counts as stalled; `0B` = never");
    internal static readonly ConfigurationKey<int> LimitFills = Default(RuleAndDefaults, "limits.fills", KeyTypes.PositiveCount, "16",
        "Bodies downloaded from the upstream at once");
    internal static readonly ConfigurationKey<int> LimitRequests = Default(RuleAndDefaults, "limits.requests", KeyTypes.PositiveCount, "16",
        "Short requests to the upstream at once");
    internal static readonly ConfigurationKey<string?> UpstreamCa = Optional(RuleAndDefaults, "tls.ca", KeyTypes.File,
        "PEM file of authorities believed for the upstream, its token and its blob hosts", "the system's");
    internal static readonly ConfigurationKey<string?> UpstreamCertificate = Optional(RuleAndDefaults, "tls.certificate", KeyTypes.File,
        "PEM file of a client certificate");
    internal static readonly ConfigurationKey<string?> UpstreamKey = Optional(RuleAndDefaults, "tls.key", KeyTypes.File, "PEM file of its private key");
    internal static readonly ConfigurationKey<bool> UpstreamInsecure = Default(RuleAndDefaults, "tls.insecure", KeyTypes.Boolean, "false",
        "`true` = believe any certificate; not beside `tls.ca`. Warned of at every start");
    internal static readonly ConfigurationKey<string?> Proxy = Optional(RuleAndDefaults, "proxy", KeyTypes.Proxy,
        "The proxy to the upstream, its token and its blob hosts", "the environment's");
    internal static readonly ConfigurationKey<ImmutableArray<KeyValuePair<string, string>>> Headers = Optional(RuleAndDefaults, "headers", KeyTypes.Headers,
        "Sent with every request to the upstream. But for a harmless few (`User-Agent`, `Via`, `X-Request-Id` and their like) each counts as a credential: `allow` must be stated");
    internal static readonly ConfigurationKey<ImmutableArray<Uri>> TokenRealms = Optional(RuleAndDefaults, "tokenRealms", KeyTypes.Urls,
        "Token endpoints the credential may be sent to beside the upstream's own origin");
    internal static readonly ConfigurationKey<bool> PrivateRedirects = Default(RuleAndDefaults, "privateRedirects", KeyTypes.Boolean, "false",
        "`true` = follow redirects to private addresses although the upstream is public; to loopback, link-local and metadata addresses only an upstream that is there itself leads");

    internal static readonly ConfigurationKey<Uri?> ListenerUrl = Optional(Listener, "url", KeyTypes.ListenUrl,
        "A whole listener for one rule (docker's `registry-mirrors`)", "required");
    internal static readonly ConfigurationKey<string?> ListenerRule = Optional(Listener, "rule", KeyTypes.Prefix, "The prefix of that rule", "required");

    private static readonly FrozenDictionary<(KeyScope Scope, string Path), ConfigurationKey> ByPath =
        Table.ToFrozenDictionary(k => (k.Scope, k.Path));

    /// <summary>Every key, in the order of the docs.</summary>
    public static ImmutableArray<ConfigurationKey> All { get; } = [.. Table];

    /// <summary>Top-level words that later versions will read.</summary>
    public static ImmutableArray<string> Reserved { get; } = ["store", "catalog", "cluster"];

    internal static IEnumerable<ConfigurationKey> In(ImmutableArray<KeyScope> scopes) => All.Where(k => scopes.Contains(k.Scope));

    internal static ConfigurationKey? Find(ImmutableArray<KeyScope> scopes, string path) =>
        scopes.Select(s => ByPath.GetValueOrDefault((s, path))).FirstOrDefault(k => k is not null);

    private static ConfigurationKey<T> Default<T>(KeyScope scope, string path, KeyType<T> type, string text, string effect) =>
        Add(ConfigurationKey<T>.WithDefault(scope, path, type, text, effect));

    private static ConfigurationKey<T> Optional<T>(KeyScope scope, string path, KeyType<T> type, string effect, string absent = "none") =>
        Add(ConfigurationKey<T>.Optional(scope, path, type, absent, effect));

    private static ConfigurationKey<T> Add<T>(ConfigurationKey<T> key)
    {
        Table.Add(key);
        return key;
    }
}
