using System.CommandLine;
using Millpond.Cli.RuleSources;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Cli.Admission;

/// <summary><c>millpond admission policy</c>: the same rules as a policy that API servers evaluate themselves.</summary>
internal static class PolicyCommand
{
    private static readonly Option<string?> Registry = new("--registry") { Description = "The cache, as references name it.", HelpName = "HOST[:PORT][/PATH]" };
    private static readonly Option<FileInfo?> Config = new("--config") { Description = "Take rules and exceptions from a server's configuration file.", HelpName = "FILE" };
    private static readonly Option<string?> TierList = new("--tiers") { Description = "Which rules count [default: default, or what the file says].", HelpName = Tiers.HelpName };
    private static readonly Option<string[]> OldRegistry = new("--old-registry") { Description = "A registry that was the cache until now; repeatable.", HelpName = "HOST" };
    private static readonly Option<string[]> OwnImage = new("--own-image") { Description = "An image that is left alone, without tag; repeatable.", HelpName = "IMAGE" };

    private static readonly Option<string> ApiVersion = new Option<string>("--api-version")
    {
        Description = "v1 since Kubernetes 1.36; v1beta1 in 1.34 and 1.35.",
        DefaultValueFactory = _ => "v1",
    }.AcceptOnlyFromAmong("v1", "v1beta1");

    public static Command Create()
    {
        var verb = new AdmissionVerb();
        var command = new Command("policy", "Print a MutatingAdmissionPolicy with its binding: reviews without a webhook.")
        {
            Registry, Config, TierList, OldRegistry, OwnImage, ApiVersion,
        };
        verb.AddTo(command);
        command.SetAction(arguments => AdmissionVerb.Print(arguments, () => Make(arguments, verb).ToYaml()));
        return command;
    }

    private static PolicyManifest Make(ParseResult arguments, AdmissionVerb verb)
    {
        var configuration = arguments.GetValue(Config) is { } file ? Read(file) : Presets(arguments.GetValue(TierList) ?? Tiers.Default);
        var admission = configuration.Admission;
        var tiers = arguments.GetValue(TierList) is { } words && arguments.GetValue(Config) is not null
            ? [.. RuleSource.From(configuration).Words(words)]
            : admission.Tiers;
        var registry = arguments.GetValue(Registry) is { } text ? Address("--registry", text) : admission.Registry
            ?? throw new CommandFailedException("Name the cache with --registry HOST, as references are to name it.");
        return new PolicyManifest(registry, [.. RewriteMappings.Of(configuration, tiers)])
        {
            Name = verb.Name(arguments),
            Namespace = verb.Namespace(arguments),
            ApiVersion = arguments.GetRequiredValue(ApiVersion),
            ExcludedNamespaces = [.. verb.Excluded(arguments) ?? admission.ExcludedNamespaces],
            IsOptIn = verb.IsOptIn(arguments),
            OwnImages = [.. admission.OwnImages, .. (arguments.GetValue(OwnImage) ?? []).Select(Image)],
            OldRegistries = [.. admission.OldRegistries, .. (arguments.GetValue(OldRegistry) ?? []).Select(old => Address("--old-registry", old))],
        };
    }

    private static ServerConfiguration Read(FileInfo file)
    {
        var result = ConfigurationReader.Read(file.FullName, ProcessEnvironment.Read(), []);
        return result.Configuration ?? throw new CommandFailedException(result.Describe());
    }

    /// <summary>A server with the presets that are meant, and no other rules.</summary>
    private static ServerConfiguration Presets(string tiers)
    {
        if (!Tiers.TryParse(tiers, out var presets, out var mistake))
        {
            throw new CommandFailedException($"--tiers: {mistake}");
        }

        return new()
        {
            Rules = [.. presets.Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream, Tier = preset.Tier })],
        };
    }

    private static RegistryAddress Address(string option, string text) =>
        RegistryAddress.TryParse(text, out var address) ? address : throw new CommandFailedException($"{option}: '{text}' is no registry. Write host[:port][/path], where the host has a dot or a port.");

    private static string Image(string text) =>
        ImageReference.TryParse(text, out var reference, out _) && reference.Suffix.IsEmpty ? text : throw new CommandFailedException($"--own-image: '{text}' is no image's name without a tag.");
}
