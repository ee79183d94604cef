using System.Collections.Immutable;

namespace Millpond.Server.Configuration;

/// <summary>The tiers as users write and read them.</summary>
public static class TierNames
{
    public const string All = "all";
    public const string Default = "default";
    public const string OptIn = "opt-in";

    public static string Text(this Tier tier) => tier switch
    {
        Tier.Default => Default,
        Tier.OptIn => OptIn,
        Tier.ByRule => "by rule",
    };

    /// <summary>Whether a list of tiers and prefixes has a rule in it.</summary>
    public static bool Include(ImmutableArray<string> wanted, Tier tier, string prefix) =>
        wanted.Contains(All) || wanted.Contains(tier.Text()) || wanted.Contains(prefix);
}
