using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Rules;

/// <summary>
/// Which rule a pull comes under, by its path, its <c>?ns=</c>, its host name or its listener; and what a rule lets through. Rules of the
/// configuration stay; those made through the API come and go beside them, all at once.
/// </summary>
public sealed class PullThroughRules
{
    private readonly ServerConfiguration configuration;
    private volatile RuleSet current;

    public PullThroughRules(ServerConfiguration configuration)
    {
        this.configuration = configuration;
        current = Make([], []);
    }

    /// <summary>Raised after a change, before it is answered.</summary>
    public event Action? Changed;

    public ImmutableArray<PullThroughRule> All => current.All;

    /// <summary>Rules that were deleted, for what is here by them.</summary>
    public ImmutableArray<PullThroughRule> Former => current.Former;

    /// <summary>Opt-in presets that are not set up.</summary>
    public ImmutableArray<Preset> Dormant => current.Dormant;

    /// <summary>The configuration with the rules of now.</summary>
    public ServerConfiguration Configuration => configuration with { Rules = All, DormantPresets = Dormant };

    /// <summary>Whether everybody may pull by every rule.</summary>
    public bool IsOpen => current.IsOpen;

    /// <summary>Whether a rule of this prefix stands in the configuration, which the API does not change.</summary>
    public bool IsConfigured(string prefix) => configuration.Rules.Any(rule => rule.Prefix == prefix);

    /// <summary>Takes these in place of the rules that were made through the API until now. One of a prefix that the configuration has is left out.</summary>
    /// <param name="former">Rules that were deleted, for what is here by them.</param>
    public void Change(IEnumerable<PullThroughRule> made, IEnumerable<PullThroughRule> former)
    {
        current = Make([.. made], [.. former]);
        Changed?.Invoke();
    }

    /// <inheritdoc cref="RuleSet.Find"/>
    public PullThroughRule? Find(string prefix) => current.Find(prefix);

    /// <inheritdoc cref="RuleSet.IsRuleHost"/>
    public bool IsRuleHost(string hostName) => current.IsRuleHost(hostName);

    /// <inheritdoc cref="RuleSet.Resolve(RepositoryName, string, string, string)"/>
    public RuleResolution Resolve(RepositoryName asked, string? ns, string? hostName, string? listenerRule) => current.Resolve(asked, ns, hostName, listenerRule);

    /// <inheritdoc cref="RuleSet.FindListed"/>
    public RuleMatch? FindListed(RepositoryName repository, string? hostName, string? listenerRule) => current.FindListed(repository, hostName, listenerRule);

    /// <inheritdoc cref="RuleSet.IsListedAsOwn"/>
    public bool IsListedAsOwn(RepositoryName repository, string? hostName, string? listenerRule) => current.IsListedAsOwn(repository, hostName, listenerRule);

    /// <inheritdoc cref="RuleSet.Allows"/>
    public bool Allows(PullThroughRule rule, RepositoryName upstreamRepository) => current.Allows(rule, upstreamRepository);

    private RuleSet Make(ImmutableArray<PullThroughRule> made, ImmutableArray<PullThroughRule> former)
    {
        ImmutableArray<PullThroughRule> rules = [.. configuration.Rules, .. made.Where(rule => !IsConfigured(rule.Prefix))];
        return new(
            rules,
            [.. former.Where(rule => !rules.Any(other => other.Prefix == rule.Prefix))],
            [.. configuration.DormantPresets.Where(preset => rules.All(rule => rule.Prefix != preset.Prefix && !UpstreamHosts.AreSame(rule.UpstreamName, preset.UpstreamName)))],
            configuration.PublicUrl?.Authority);
    }
}
