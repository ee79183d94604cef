using Millpond.Images;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli.RuleSources;

/// <summary>The cache and the rules by which references come to it.</summary>
internal sealed class RuleSet(RegistryAddress registry, IEnumerable<RewriteMapping> mappings, RewriteOptions options)
{
    public RegistryAddress Registry { get; } = registry;

    public RewriteRules Rules { get; } = new(registry, mappings, options);

    public ReferenceChanges Rewriting() => ReferenceChanges.Rewriting(Rules, Registry);
}
