using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Millpond.Cli.RuleSources;
using Millpond.Server.Configuration;

namespace Millpond.Cli;

/// <summary>
/// <c>millpond locals</c>: the one place where a platform's code takes the registries' names from. With the cache off, or a tier
/// that is not enabled, each name is the upstream's own host, so that nothing else has to change.
/// </summary>
internal static class LocalsCommand
{
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
        var rules = new RuleOptions();
        var command = new Command("locals", "Print the registries' names for Terraform, Helm, a shell or JSON.") { Format, Enabled };
        rules.AddTo(command, withReferences: false);
        command.SetAction((arguments, cancellationToken) => RunAsync(arguments, rules, cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, RuleOptions rules, CancellationToken cancellationToken)
    {
        try
        {
            var set = arguments.GetValue(Enabled) ? await rules.ReadAsync(arguments, null, cancellationToken) : null;
            var names = Preset.All.Select(preset => KeyValuePair.Create(
                "registry_" + preset.Prefix.Replace('-', '_'),
                set?.Rules.RegistryFor(preset.UpstreamName) ?? preset.UpstreamName)).ToArray();
            await arguments.InvocationConfiguration.Output.WriteAsync(Write(names, arguments.GetRequiredValue(Format)));
            return ExitCode.Done;
        }
        catch (CommandFailedException failure)
        {
            await arguments.InvocationConfiguration.Error.WriteLineAsync($"{failure.Message} (Or write --enabled false for the upstreams' own hosts.)");
            return ExitCode.Failed;
        }
    }

    private static string Write(KeyValuePair<string, string>[] names, string format)
    {
        var width = names.Max(name => name.Key.Length);
        return format switch
        {
            "json" => JsonSerializer.Serialize(names.ToDictionary(), LocalsJson.Default.DictionaryStringString) + "\n",
            "env" => Lines(name => $"{name.Key.ToUpperInvariant()}={name.Value}"),
            // Below global, so that subcharts see them.
            "helm" => "global:\n" + Lines(name => $"  {name.Key}: \"{name.Value}\""),
            "hcl" => "locals {\n" + Lines(name => $"  {name.Key.PadRight(width)} = \"{name.Value}\"") + "}\n",
            _ => Lines(name => $"{name.Key.PadRight(width)} = \"{name.Value}\""),
        };

        string Lines(Func<KeyValuePair<string, string>, string> line) => string.Concat(names.Select(name => line(name) + "\n"));
    }
}

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class LocalsJson : JsonSerializerContext;
