using System.Collections.Immutable;
using System.CommandLine;
using Millpond.Cli.RuleSources;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Cli.Mirrors;

/// <summary>The options of <c>millpond mirror</c> that its formats share, and what they say together.</summary>
internal static class MirrorArguments
{
    public static readonly Option<string?> Server = new("--server")
    {
        Description = "A running server to ask for its rules; nothing is written that it would refuse.",
        HelpName = "URL",
    };

    public static readonly Option<string?> Endpoint = new("--endpoint")
    {
        Description = "The cache as the node reaches it, which is written down [default: --server].",
        HelpName = "URL",
    };

    public static readonly Option<string?> Operations = new("--operations")
    {
        Description = "Where that server tells its rules, if it has a listener for operations [default: --server].",
        HelpName = "URL",
    };

    public static readonly Option<FileInfo?> AuthFile = new("--auth-file")
    {
        Description = "Where the login is for a --server that asks for one [default: docker's own].",
        HelpName = "FILE",
    };

    public static readonly Option<bool> Remove = new("--remove") { Description = "Put back what was there before." };

    public static readonly Option<bool> Force = new("--force")
    {
        Description = "Also where someone has changed the file since; the changed one is kept as FILE.changed.",
    };

    public static readonly Option<bool> Print = new("--print") { Description = "Print what would be written, and write nothing." };

    public static readonly Option<string?> TierNames = new("--tiers")
    {
        Description = "What is pulled through the cache [default: what --server or --config has, else default].",
        HelpName = Tiers.HelpName,
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

    /// <summary>What the options say together.</summary>
    /// <exception cref="CommandFailedException">They say nothing that could be written.</exception>
    public static async Task<MirrorSettings> ReadAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var asked = Url(arguments, Server);
        var endpoint = Url(arguments, Endpoint) ?? asked
            ?? throw new CommandFailedException("Write --server URL, a running server to ask for its rules, or --endpoint URL, the cache as the node reaches it.");
        return new MirrorSettings(
            endpoint,
            await UpstreamsAsync(arguments, asked, cancellationToken),
            FallBack: !arguments.GetValue(NoFallBack),
            ByPrefix: arguments.GetValue(Form) == "prefix",
            arguments.GetValue(Ca),
            arguments.GetValue(SkipVerify));
    }

    private static Uri? Url(ParseResult arguments, Option<string?> option)
    {
        if (arguments.GetValue(option) is not { } text)
        {
            return null;
        }

        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url is { Scheme: "http" or "https", PathAndQuery: "/", UserInfo: "" }
            ? url
            : throw new CommandFailedException($"Write {option.Name} URL: http or https, the host and its port, without a path, a user or a password.");
    }

    private static async Task<ImmutableArray<MirroredUpstream>> UpstreamsAsync(ParseResult arguments, Uri? server, CancellationToken cancellationToken)
    {
        var (config, tiers, further) = (arguments.GetValue(Config), arguments.GetValue(TierNames), arguments.GetValue(Upstream) ?? []);
        if (config is not null && (tiers is not null || server is not null))
        {
            throw new CommandFailedException("--config has its own rules: leave out --tiers and --server. (Where the cache is, is written down with --endpoint.)");
        }

        if (server is not null)
        {
            return Asked(await AskAsync(arguments, server, cancellationToken), tiers, further, server);
        }

        if (!Tiers.TryParse(tiers ?? Tiers.Default, out var presets, out var mistake))
        {
            throw new CommandFailedException(mistake);
        }

        if (config is null && further.Length == 0)
        {
            return [.. presets.SelectMany(MirroredUpstream.Of)];
        }

        var read = ConfigurationReader.Read(config?.FullName, ProcessEnvironment.Read(), [.. further.Select(rule => new FlagValue("--upstream", rule))]);
        var configuration = read.Configuration ?? throw new CommandFailedException(read.Describe());
        var added = further.Select(rule => rule.Split('=')[0]).ToHashSet(StringComparer.Ordinal);
        return config is null
            ? [.. presets.Where(preset => !added.Contains(preset.Prefix)).Concat<RuleNames>(configuration.Rules.Where(rule => added.Contains(rule.Prefix))).SelectMany(MirroredUpstream.Of)]
            : [.. configuration.Rules.SelectMany(MirroredUpstream.Of)];
    }

    private static async Task<RuleSource> AskAsync(ParseResult arguments, Uri server, CancellationToken cancellationToken)
    {
        // What --ca names is a path on the node; here it may be another's, or not be.
        var ca = arguments.GetValue(Ca) is { } path && File.Exists(path) ? new FileInfo(path) : null;
        try
        {
            var access = ServerAccess.Of(Url(arguments, Operations) ?? server, ca, arguments.GetValue(AuthFile));
            return await ServerRules.ReadAsync(access, server.Authority, cancellationToken);
        }
        catch (CommandFailedException failure)
        {
            throw new CommandFailedException($"{failure.Message} (To write without asking: --endpoint {server.GetLeftPart(UriPartial.Authority)}, with --tiers or --config.)", failure);
        }
    }

    private static ImmutableArray<MirroredUpstream> Asked(RuleSource source, string? tiers, string[] further, Uri server)
    {
        if (further.FirstOrDefault(rule => source.Mappings.All(mapping => !mapping.Enabled || mapping.Names.Prefix != rule.Split('=')[0])) is { } unknown)
        {
            throw new CommandFailedException($"--upstream {unknown}: {server.Authority} has no such rule, and would refuse it.");
        }

        var wanted = source.Select(tiers).ToList();
        // Named by itself, and the server would refuse every pull of it.
        var named = tiers is null ? [] : source.Words(tiers);
        return wanted.Find(mapping => !mapping.Enabled && named.Contains(mapping.Names.Prefix)) is { } dormant
            ? throw new CommandFailedException($"--tiers: {server.Authority} has no credential for {dormant.Names.Prefix}, and refuses what is pulled from {dormant.Names.UpstreamName}. Leave it out, or set it up first.")
            : [.. wanted.Where(mapping => mapping.Enabled).SelectMany(mapping => MirroredUpstream.Of(mapping.Names))];
    }
}
