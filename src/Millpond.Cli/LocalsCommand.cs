using System.CommandLine;
using System.Text.Json;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Cli;

/// <summary>
/// <c>millpond locals</c>: the one place where a platform's code takes the registries' names from. With the cache off, or a tier
/// that is not enabled, each name is the upstream's own host, so that nothing else has to change.
/// </summary>
internal static class LocalsCommand
{
    private const int BadArguments = 2;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Option<string?> Registry = new("--registry")
    {
        Description = "The cache, as references name it.",
        HelpName = "HOST[:PORT][/PATH]",
    };

    private static readonly Option<string> TierNames = new("--tiers")
    {
        Description = "What is pulled through the cache.",
        HelpName = Tiers.HelpName,
        DefaultValueFactory = _ => Tiers.Default,
    };

    private static readonly Option<string> Format = new Option<string>("--format")
    {
        Description = "How to write them.",
        DefaultValueFactory = _ => "tfvars",
    }.AcceptOnlyFromAmong("tfvars", "json", "env", "helm", "hcl");

    private static readonly Option<bool> Enabled = new("--enabled")
    {
        Description = "Whether the cache is on; off gives the upstreams' own hosts.",
        HelpName = "true|false",
        DefaultValueFactory = _ => true,
    };

    public static Command Create()
    {
        var command = new Command("locals", "Print the registries' names for Terraform, Helm, a shell or JSON.") { Registry, TierNames, Format, Enabled };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult arguments)
    {
        var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
        if (!Tiers.TryParse(arguments.GetRequiredValue(TierNames), out var presets, out var mistake))
        {
            error.WriteLine(mistake);
            return BadArguments;
        }

        RegistryAddress? registry = null;
        if (arguments.GetValue(Enabled) && !RegistryAddress.TryParse(arguments.GetValue(Registry), out registry))
        {
            error.WriteLine("Write --registry HOST[:PORT][/PATH], where the host has a dot or a port or is localhost; or --enabled false for the upstreams' own hosts.");
            return BadArguments;
        }

        var names = Preset.All.Select(preset => KeyValuePair.Create(
            "registry_" + preset.Prefix.Replace('-', '_'),
            registry is not null && presets.Contains(preset) ? $"{registry}/{preset.Prefix}" : preset.UpstreamName)).ToArray();
        output.Write(Write(names, arguments.GetRequiredValue(Format)));
        return 0;
    }

    private static string Write(KeyValuePair<string, string>[] names, string format)
    {
        var width = names.Max(name => name.Key.Length);
        return format switch
        {
            "json" => JsonSerializer.Serialize(names.ToDictionary(), Indented) + "\n",
            "env" => Lines(name => $"{name.Key.ToUpperInvariant()}={name.Value}"),
            // Below global, so that subcharts see them.
            "helm" => "global:\n" + Lines(name => $"  {name.Key}: \"{name.Value}\""),
            "hcl" => "locals {\n" + Lines(name => $"  {name.Key.PadRight(width)} = \"{name.Value}\"") + "}\n",
            _ => Lines(name => $"{name.Key.PadRight(width)} = \"{name.Value}\""),
        };

        string Lines(Func<KeyValuePair<string, string>, string> line) => string.Concat(names.Select(name => line(name) + "\n"));
    }
}
