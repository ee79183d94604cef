using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Cli.RuleSources;

/// <summary>The value of <c>--tiers</c>: <c>default</c>, <c>opt-in</c>, <c>all</c>, or presets by their prefixes, by comma.</summary>
internal static class Tiers
{
    public const string Default = "default";
    public const string HelpName = "default|opt-in|all|PREFIX,…";

    /// <summary>The presets that are meant, in their usual order.</summary>
    public static bool TryParse(string text, out ImmutableArray<Preset> presets, [NotNullWhen(false)] out string? mistake)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var unknown = names.FirstOrDefault(name => !Preset.All.Any(preset => IsMeant(preset, name)));
        presets = [.. Preset.All.Where(preset => names.Any(name => IsMeant(preset, name)))];
        var choice = $"Write default, opt-in, all, or some of {string.Join(',', Preset.All.Select(preset => preset.Prefix))}.";
        mistake = unknown is not null ? $"'{unknown}' is no tier. {choice}" : names.Length == 0 ? $"No tier is named. {choice}" : null;
        return mistake is null;
    }

    private static bool IsMeant(Preset preset, string name) => name switch
    {
        "all" => true,
        "default" => preset.Tier == Tier.Default,
        "opt-in" => preset.Tier == Tier.OptIn,
        _ => preset.Prefix == name,
    };
}
