using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics.CodeAnalysis;
using Millpond.Server.Configuration;

namespace Millpond.Cli.Mirrors;

/// <summary>The options of <c>millpond mirror</c> that its formats share, and what they say together.</summary>
internal static class MirrorArguments
{
    public static readonly Option<string?> Server = new("--server") { Description = "The cache, as the node reaches it.", HelpName = "URL" };

    public static readonly Option<bool> Remove = new("--remove") { Description = "Put back what was there before." };

    public static readonly Option<bool> Force = new("--force")
    {
        Description = "Also where someone has changed the file since; the changed one is kept as FILE.changed.",
    };

    public static readonly Option<bool> Print = new("--print") { Description = "Print what would be written, and write nothing." };

    public static readonly Option<string> TierNames = new("--tiers")
    {
        Description = "What is pulled through the cache.",
        HelpName = Tiers.HelpName,
        DefaultValueFactory = _ => Tiers.Default,
    };

    public static readonly Option<FileInfo?> Config = new("--config")
    {
        Description = "The server's configuration file, whose rules are taken instead of --tiers.",
        HelpName = "FILE",
    };

    public static readonly Option<string[]> Upstream = new("--upstream") { Description = "A further rule of the server; repeatable.", HelpName = "PREFIX=HOST" };

    public static readonly Option<bool> NoFallBack = new("--no-fallback") { Description = "Never ask the upstream itself." };

    public static readonly Option<string> Form = new Option<string>("--form")
    {
        Description = "How the request names the upstream: by ?ns= alone, or also by the rule's prefix in the path (override_path).",
        DefaultValueFactory = _ => "ns",
    }.AcceptOnlyFromAmong("ns", "prefix");

    public static readonly Option<string?> Ca = new("--ca") { Description = "The certificate of the cache's CA, as a path on the node.", HelpName = "FILE" };

    public static readonly Option<bool> SkipVerify = new("--skip-verify") { Description = "Do not look at the cache's certificate." };

    /// <summary>The settings, or the first mistake in them.</summary>
    public static bool TryRead(ParseResult arguments, [NotNullWhen(true)] out MirrorSettings? settings, [NotNullWhen(false)] out string? mistake)
    {
        settings = null;
        if (!Uri.TryCreate(arguments.GetValue(Server), UriKind.Absolute, out var server)
            || server.Scheme is not ("http" or "https")
            || server.PathAndQuery != "/"
            || server.UserInfo.Length > 0)
        {
            mistake = "Write --server URL: http or https, the host and its port, without a path, a user or a password.";
            return false;
        }

        if (!TryReadUpstreams(arguments, out var upstreams, out mistake))
        {
            return false;
        }

        settings = new MirrorSettings(
            server,
            upstreams,
            FallBack: !arguments.GetValue(NoFallBack),
            ByPrefix: arguments.GetValue(Form) == "prefix",
            arguments.GetValue(Ca),
            arguments.GetValue(SkipVerify));
        return true;
    }

    private static bool TryReadUpstreams(ParseResult arguments, out ImmutableArray<MirroredUpstream> upstreams, [NotNullWhen(false)] out string? mistake)
    {
        upstreams = [];
        var config = arguments.GetValue(Config);
        if (config is not null && arguments.GetResult(TierNames) is { Implicit: false })
        {
            mistake = "--config has its own rules: leave out --tiers.";
            return false;
        }

        if (!Tiers.TryParse(arguments.GetValue(TierNames) ?? Tiers.Default, out var presets, out mistake))
        {
            return false;
        }

        var further = arguments.GetValue(Upstream) ?? [];
        if (config is null && further.Length == 0)
        {
            upstreams = [.. presets.Select(From)];
            return true;
        }

        var read = ConfigurationReader.Read(config?.FullName, ProcessEnvironment.Read(), [.. further.Select(rule => new FlagValue("--upstream", rule))]);
        if (read.Configuration is not { } configuration)
        {
            mistake = read.Describe();
            return false;
        }

        var added = further.Select(rule => rule.Split('=')[0]).ToHashSet(StringComparer.Ordinal);
        upstreams = config is null
            ? [.. presets.Where(preset => !added.Contains(preset.Prefix)).Select(From), .. configuration.Rules.Where(rule => added.Contains(rule.Prefix)).Select(From)]
            : [.. configuration.Rules.Select(From)];
        return true;
    }

    private static MirroredUpstream From(Preset preset) => new(preset.UpstreamName, preset.Upstream, preset.Prefix, null);

    private static MirroredUpstream From(PullThroughRule rule) =>
        new(rule.UpstreamName, rule.Upstream, rule.Prefix == PullThroughRule.RootPrefix ? null : rule.Prefix, rule.UpstreamRepositoryPrefix);
}
