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
        .. configuration.Rules.Select(rule => new RewriteMapping(rule, TierNames.Include(tiers, rule))),
        .. configuration.DormantPresets.Select(preset => new RewriteMapping(preset, Enabled: false)),
    ];
}
