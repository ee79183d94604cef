using System.Collections.Immutable;

namespace Millpond.Images;

/// <summary>Where a rule stands: presets that need no credential, presets that need one, and all others.</summary>
public enum Tier
{
    Default,
    OptIn,
    ByRule,
}

/// <summary>The tiers as users write and read them.</summary>
public static class TierNames
{
    public const string All = "all";
    public const string Default = "default";
    public const string OptIn = "opt-in";

    private const string ByRule = "by rule";

    public static string Text(this Tier tier) => tier switch
    {
        Tier.Default => Default,
        Tier.OptIn => OptIn,
        Tier.ByRule => ByRule,
    };

    /// <summary>The tier of a text; one that is not known is a rule of its own.</summary>
    public static Tier Parse(string? text) => text switch
    {
        Default => Tier.Default,
        OptIn => Tier.OptIn,
        _ => Tier.ByRule,
    };

    /// <summary>Whether a list of tiers and prefixes has a rule in it.</summary>
    public static bool Include(ImmutableArray<string> wanted, RuleNames rule) =>
        wanted.Contains(All) || wanted.Contains(rule.Tier.Text()) || wanted.Contains(rule.Prefix);
}
