using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration.Sources;
using static Millpond.Server.Configuration.Values.KeyType;

namespace Millpond.Server.Configuration.Values;

/// <summary>The types that keys have.</summary>
internal static partial class KeyTypes
{
    private const string DurationRemedy = "Write a whole number and ms, s, m, h or d, such as 30m (10 years at most)";
    private const string SizeRemedy = "Write a whole number and B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 64MiB";
    private const string RegistryRemedy = "Write host[:port][/path], where the host has a dot or a port, such as cache.corp.example";
    private const string PathRemedy = "Write the path of a file";

    public static KeyType<TimeSpan> Duration { get; } = Scalar<TimeSpan>("duration", DurationRemedy, ParseDuration);

    /// <summary>What is waited for. Timers take some weeks at most, and would fail at the first pull.</summary>
    public static KeyType<TimeSpan> ShortDuration { get; } = Scalar<TimeSpan>("duration up to 24h", DurationRemedy, ParseShortDuration);

    public static KeyType<TimeSpan> PositiveDuration { get; } = Scalar<TimeSpan>("duration over 0s, up to 24h", DurationRemedy, text =>
        ParseShortDuration(text) is { What: null, Value.Ticks: 0 } ? Parsed<TimeSpan>.Wrong("it must be longer than 0s") : ParseShortDuration(text));

    public static KeyType<long> Size { get; } = Scalar<long>("size", SizeRemedy, text =>
        ByteSize.TryParse(text, out var bytes) ? bytes : Parsed<long>.Wrong($"{Quote(text)} is not a size"));

    public static KeyType<SizeLimit> SizeOrPercent { get; } = Scalar<SizeLimit>("size or percentage", $"{SizeRemedy}, or a share of the disk, such as 80%", text =>
        ByteSize.TryParseLimit(text, out var limit) ? limit : Parsed<SizeLimit>.Wrong($"{Quote(text)} is neither a size nor a percentage"));

    public static KeyType<int> Count { get; } = Number(0);

    public static KeyType<int> PositiveCount { get; } = Number(1);

    public static KeyType<decimal> Price { get; } = Scalar<decimal>("price", "Write a number with a point, such as 0.10, up to 1000000", text =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var price) && price <= 1_000_000
            ? price
            : Parsed<decimal>.Wrong($"{Quote(text)} is no price"));

    public static KeyType<string?> Currency { get; } = Optional<string>("currency", "Write three capitals, such as EUR", text =>
        text.Length == 3 && text.All(char.IsAsciiLetterUpper) ? text : Parsed<string>.Wrong($"{Quote(text)} is no currency"));

    public static KeyType<ClientPlace> ClientPlace { get; } = Choice(
        ("same-region", Configuration.ClientPlace.SameRegion), ("other-region", Configuration.ClientPlace.OtherRegion), ("internet", Configuration.ClientPlace.Internet));

    public static KeyType<bool> Boolean { get; } = Choice(("true", true), ("false", false));

    public static KeyType<bool?> OptionalBoolean { get; } = OptionalChoice(("true", true), ("false", false));

    public static KeyType<AccessMode> AccessMode { get; } = Choice(("anonymous", Configuration.AccessMode.Anonymous), ("token", Configuration.AccessMode.Token));

    public static KeyType<AccessMode?> RuleAccess { get; } = OptionalChoice(("anonymous", Configuration.AccessMode.Anonymous), ("token", Configuration.AccessMode.Token));

    public static KeyType<string?> Account { get; } = Optional<string>("account", "Write twelve digits, in quotes: YAML takes them for a number", text =>
        text.Length == 12 && text.All(char.IsAsciiDigit) ? text : Parsed<string>.Wrong($"{Quote(text)} is no account"));

    public static KeyType<string?> Region { get; } = Optional<string>("region", "Write a region's name such as eu-west-1", text =>
        text.Length is > 0 and <= 32 && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') ? text : Parsed<string>.Wrong($"{Quote(text)} is no region"));

    public static KeyType<ImageCompletion> ImageCompletion { get; } = Choice(
        ("layers", Configuration.ImageCompletion.Layers), ("always", Configuration.ImageCompletion.Always), ("never", Configuration.ImageCompletion.Never));

    public static KeyType<OnUpstreamDelete> OnUpstreamDelete { get; } =
        Choice(("keep", Configuration.OnUpstreamDelete.Keep), ("follow", Configuration.OnUpstreamDelete.Follow));

    public static KeyType<LogFormat?> LogFormat { get; } = OptionalChoice(("json", Configuration.LogFormat.Json), ("text", Configuration.LogFormat.Text));

    public static KeyType<LogLevel> LogLevel { get; } = Choice(
        ("trace", Microsoft.Extensions.Logging.LogLevel.Trace), ("debug", Microsoft.Extensions.Logging.LogLevel.Debug),
        ("info", Microsoft.Extensions.Logging.LogLevel.Information), ("warning", Microsoft.Extensions.Logging.LogLevel.Warning),
        ("error", Microsoft.Extensions.Logging.LogLevel.Error));

    public static KeyType<string?> File { get; } = Optional<string>("path", PathRemedy, ParsePath);

    public static KeyType<string?> Folder { get; } = Optional<string>("path", "Write the path of a folder", ParsePath);

    public static KeyType<string?> Variable { get; } = Optional<string>("variable's name", "Write the name of an environment variable, such as HARBOR_TOKEN", text =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') ? text : Parsed<string>.Wrong($"the value (not shown, it may be a secret) is no variable's name"));

    public static KeyType<Uri?> ListenUrl { get; } = Optional<Uri>("URL", "Write a URL", ListenAddress.Parse);

    public static KeyType<ImmutableArray<Uri>> ListenUrls { get; } = List<Uri>("URL", "Write a URL or a list of them", ListenAddress.Parse);

    public static KeyType<Uri?> PublicUrl { get; } = Optional<Uri>("URL", "Write the URL clients use, such as https://cache.corp.example", text =>
        ParseUrl(text) is { What: null, Value: { } url } parsed && url.PathAndQuery != "/"
            ? Parsed<Uri>.Wrong($"{Quote(text)} has a path, but container clients always ask at /v2/")
            : ParseUrl(text));

    /// <summary>Where something secret is asked for.</summary>
    public static KeyType<Uri?> SecretServiceUrl { get; } = Optional<Uri>("URL", "Write the URL of a service, by https", text =>
        ParseUrl(text) is { What: null, Value: { } url } && url.Scheme != Uri.UriSchemeHttps && !url.IsLoopback
            ? Parsed<Uri>.Wrong($"By {Quote(text)} anybody on the way reads secrets")
            : ParseUrl(text));

    public static KeyType<string?> SecretArn { get; } = Optional<string>("secret's ARN", "Write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME, as it was told when the secret was made", text =>
        SecretArnPattern().IsMatch(text) ? text : Parsed<string>.Wrong("the value (not shown, it may be a secret) is no secret's ARN"));

    public static KeyType<ImmutableArray<Uri>> Urls { get; } = List<Uri>("URL", "Write a URL, such as https://sso.corp.example/token", ParseUrl);

    public static KeyType<ImmutableArray<IPNetwork>> Networks { get; } = List<IPNetwork>("network", "Write a network such as 10.0.0.0/8, or an address", ParseNetwork);

    public static KeyType<ImmutableArray<Preset>> Presets { get; } = List<Preset>(
        "preset", $"Write some of {string.Join(", ", Preset.All.Select(p => p.Prefix))}, or [] for none", ParsePreset);

    public static KeyType<string?> Prefix { get; } = Optional<string>("prefix", "Write whole path segments in lower case, such as quay or team-a/harbor, or ROOT", ParsePrefix);

    public static KeyType<string?> RepositoryPrefix { get; } = Optional<string>("repository path", "Write whole path segments in lower case, such as team-a", text =>
        RepositoryName.TryParse(text, out _) ? text : Parsed<string>.Wrong($"{Quote(text)} is no path of repositories"));

    public static KeyType<UpstreamAddress?> Upstream { get; } = Optional<UpstreamAddress>(
        "host or URL", "Write a host such as gcr.io (https), or a URL such as https://harbor.corp.example:8443", UpstreamAddress.Parse);

    public static KeyType<ImmutableArray<string>> Hosts { get; } = List<string>(
        "host name", "Write a name without scheme and port, such as quay.cache.corp.example", ParseHost);

    public static KeyType<ImmutableArray<string>> RegistryHosts { get; } = List<string>(
        "registry", "Write registries as references name them, such as quay.io", text =>
            RegistryAddress.TryParse(text, out var registry) && registry.Path is null
                ? UpstreamHosts.Normalise(registry.Host)
                : Parsed<string>.Wrong($"{Quote(text)} is no registry that a reference could name"), "list of registries");

    public static KeyType<RegistryAddress?> Registry { get; } = Optional<RegistryAddress>("registry", RegistryRemedy, ParseRegistry);

    public static KeyType<ImmutableArray<RegistryAddress>> Registries { get; } = List<RegistryAddress>("registry", RegistryRemedy, ParseRegistry, "list of registries");

    public static KeyType<ImmutableArray<string>> Tiers { get; } = List<string>(
        "tier", $"Write {TierNames.Default}, {TierNames.OptIn}, {TierNames.All}, or prefixes of rules", text =>
            text is TierNames.OptIn ? text : ParsePrefix(text));

    public static KeyType<ImmutableArray<string>> Namespaces { get; } = List<string>("namespace", "Write a namespace's name, such as kube-system", text =>
        KubernetesName.IsLabel(text)
            ? text
            : Parsed<string>.Wrong($"{Quote(text)} is no namespace"));

    public static KeyType<ImmutableArray<string>> ImageNames { get; } = List<string>("image", "Write an image's name, such as registry.corp.example/millpond", ParseImageName);

    public static KeyType<ImmutableArray<string>> Globs { get; } = List<string>(
        "glob", "Write a repository's path at the upstream, with * within a segment and ** across, such as library/**", ParseGlob);

    public static KeyType<string?> Proxy { get; } = Optional<string>("URL or `none`", "Write a URL such as http://proxy.corp.example:3128, or none for a direct connection", ParseProxy);

    public static KeyType<string?> Text { get; } = Optional<string>("text", "Write a text", text => text);

    public static KeyType<ImmutableArray<KeyValuePair<string, string>>> Headers => HeaderType.Instance;

    public static KeyType<IndexCompletion> Completion => CompletionType.Instance;

    private static KeyType<int> Number(int least) => Scalar<int>(
        least == 0 ? "number" : "number over 0", $"Write a whole number from {least} to 100000", text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= 100_000
                ? number
                : Parsed<int>.Wrong($"{Quote(text)} is no such number"));

    private static Parsed<TimeSpan> ParseDuration(string text) =>
        Values.Duration.TryParse(text, out var duration) ? duration : Parsed<TimeSpan>.Wrong($"{Quote(text)} is not a duration");

    private static Parsed<TimeSpan> ParseShortDuration(string text) => ParseDuration(text) is { What: null } parsed && parsed.Value > TimeSpan.FromDays(1)
        ? Parsed<TimeSpan>.Wrong($"{Quote(text)} is too long to wait for", "Write 24h at most")
        : ParseDuration(text);

    private static Parsed<string> ParsePath(string text) => text.Contains('\0') ? Parsed<string>.Wrong("the path holds a zero byte") : text;

    private static Parsed<Uri> ParseUrl(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && HostNames.IsValid(url) && url.UserInfo.Length == 0
            ? url
            : Parsed<Uri>.Wrong($"{Quote(text)} is no http or https URL without a user name");

    private static Parsed<IPNetwork> ParseNetwork(string text)
    {
        if (IPNetwork.TryParse(text, out var network))
        {
            return network;
        }

        return IPAddress.TryParse(text, out var address)
            ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : Parsed<IPNetwork>.Wrong($"{Quote(text)} is no network");
    }

    private static Parsed<Preset> ParsePreset(string text)
    {
        var known = Preset.All.FirstOrDefault(p => p.Prefix == text);
        if (known is not null)
        {
            return known;
        }

        var near = Suggestion.For(text, Preset.All.Select(p => p.Prefix));
        return Parsed<Preset>.Wrong($"there is no preset {Quote(text)}", near is null ? null : $"Write {near}, if that was meant");
    }

    private static Parsed<string> ParsePrefix(string text)
    {
        if (text == RuleNames.Root || RepositoryName.TryParse(text, out _))
        {
            return text;
        }

        var mended = text.Trim('/').ToLowerInvariant();
        var remedy = mended == "root" ? "Write ROOT" : RepositoryName.TryParse(mended, out _) ? $"Write {mended}" : null;
        return Parsed<string>.Wrong($"{Quote(text)} is no prefix", remedy);
    }

    private static Parsed<string> ParseHost(string text) =>
        Uri.CheckHostName(text) == UriHostNameType.Unknown || text.Contains(':')
            ? Parsed<string>.Wrong($"{Quote(text)} is no host name")
            : text.ToLowerInvariant();

    private static Parsed<RegistryAddress> ParseRegistry(string text) =>
        RegistryAddress.TryParse(text, out var address) ? address : Parsed<RegistryAddress>.Wrong($"{Quote(text)} is no registry");

    private static Parsed<string> ParseImageName(string text)
    {
        if (!ImageReference.TryParse(text, out var reference, out _))
        {
            return Parsed<string>.Wrong($"{Quote(text)} is no image's name");
        }

        return reference.Suffix.IsEmpty ? text : Parsed<string>.Wrong("the image has a tag or a digest, but all of them are meant", $"Write {reference.WrittenName}");
    }

    private static Parsed<string> ParseGlob(string text) =>
        RepositoryGlob.TryParse(text, out _)
            ? text
            : Parsed<string>.Wrong($"{Quote(text)} matches no repository (names are in lower case, without the registry's host)");

    private static Parsed<string> ParseProxy(string text) =>
        text == "none" || (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" or "socks5" && HostNames.IsValid(url))
            ? text
            : Parsed<string>.Wrong("the value (not shown, it may hold a password) is no proxy's URL");

    [GeneratedRegex(@"\Aarn:aws(?:-[a-z]+)*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}\z", RegexOptions.CultureInvariant)]
    private static partial Regex SecretArnPattern();
}
