using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>The rules of a server as rewriting knows them.</summary>
public static class RewriteMappings
{
    /// <param name="configuration">Rules, and opt-in presets that are not set up: those are known, and not enabled.</param>
    /// <param name="tiers">Which of the rules are enabled, by tier or prefix.</param>
    public static IEnumerable<RewriteMapping> Of(ServerConfiguration configuration, ImmutableArray<string> tiers) =>
    [
        .. configuration.Rules.Select(rule => new RewriteMapping(
            new NameMapping(rule.Prefix, rule.UpstreamName, rule.UpstreamRepositoryPrefix), rule.Tier.Text(), TierNames.Include(tiers, rule.Tier, rule.Prefix))
        {
            Filter = new RepositoryFilter(rule.Allow, rule.Deny),
        }),
        .. configuration.DormantPresets.Select(preset => Of(preset, enabled: false)),
    ];

    public static RewriteMapping Of(Preset preset, bool enabled) =>
        new(new NameMapping(preset.Prefix, preset.UpstreamName, null), preset.Tier.Text(), enabled);
}
