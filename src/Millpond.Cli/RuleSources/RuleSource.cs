using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Cli.RuleSources;

/// <summary>Rules with where they come from: the registry that they name, if any, and each rule with whether it is set up.</summary>
internal sealed record RuleSource(string? Registry, IReadOnlyList<RewriteMapping> Mappings, string DefaultTiers)
{
    /// <summary>What is known by name; the default tier where nothing else is asked for.</summary>
    public static RuleSource Presets { get; } = new(null, [.. Preset.All.Select(preset => new RewriteMapping(preset))], TierNames.Default);

    /// <exception cref="CommandFailedException">The file has mistakes.</exception>
    public static RuleSource FromConfiguration(FileInfo file)
    {
        var result = ConfigurationReader.Read(file.FullName, ProcessEnvironment.Read(), []);
        if (result.Configuration is not { } configuration)
        {
            throw new CommandFailedException(result.Describe());
        }

        return From(configuration);
    }

    public static RuleSource From(ServerConfiguration configuration) => new(
        configuration.Admission.Registry?.ToString() ?? configuration.PublicUrl?.Authority,
        [.. RewriteMappings.Of(configuration, [TierNames.All])],
        TierNames.All);

    /// <summary>The mappings with only those enabled that <c>--tiers</c> names.</summary>
    /// <exception cref="CommandFailedException">It names what there is not.</exception>
    public IEnumerable<RewriteMapping> Select(string? tiers)
    {
        var wanted = Words(tiers ?? DefaultTiers);
        return Mappings.Select(mapping => mapping with
        {
            Enabled = mapping.Enabled && (wanted.Contains(TierNames.All) || wanted.Contains(mapping.Tier) || wanted.Contains(mapping.Names.Prefix)),
        });
    }

    /// <summary>The words of a <c>--tiers</c>. With none, as an unset variable in a script gives it, everything would look done.</summary>
    /// <exception cref="CommandFailedException">There is none, or one names what there is not.</exception>
    public string[] Words(string tiers)
    {
        var choice = $"default, opt-in, all, {string.Join(", ", Mappings.Select(mapping => mapping.Names.Prefix))}";
        var words = tiers.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
        {
            throw new CommandFailedException($"--tiers: no tier is named; write some of {choice}.");
        }

        return Array.Find(words, word => word is not (TierNames.All or TierNames.Default or TierNames.OptIn) && Mappings.All(mapping => mapping.Names.Prefix != word)) is { } unknown
            ? throw new CommandFailedException($"--tiers: '{unknown}' is none of {choice}.")
            : words;
    }
}
