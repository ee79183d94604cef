using Millpond.Images;

namespace Millpond.Rewriting.Edits;

/// <summary>The rules in one direction: to the cache, or back to the upstreams.</summary>
public sealed class ReferenceChanges
{
    private readonly RewriteRules rules;
    private readonly RegistryAddress? target;

    private ReferenceChanges(RewriteRules rules, RegistryAddress? target)
    {
        this.rules = rules;
        this.target = target;
    }

    /// <summary>Whether references are brought back rather than brought to the cache.</summary>
    public bool Restores => target is null;

    public static ReferenceChanges Rewriting(RewriteRules rules, RegistryAddress target) => new(rules, target);

    public static ReferenceChanges Restoring(RewriteRules rules) => new(rules, null);

    public ReferenceChange Of(string reference)
    {
        var result = target is null ? rules.Restore(reference) : rules.Rewrite(reference);
        if (!result.IsChanged || result.Mapping is null)
        {
            return new ReferenceChange(result, null, null, null);
        }

        if (target is null)
        {
            var restored = ImageReference.Parse(result.Reference);
            return new ReferenceChange(result, result.Reference, restored.Domain, restored.Path + restored.Suffix.ToString());
        }

        var names = result.Mapping.Names;
        var registry = names.IsRoot ? target.ToString() : $"{target}/{names.Prefix}";
        return new ReferenceChange(result, result.Reference, registry, result.Reference[(registry.Length + 1)..]);
    }

    /// <summary>Which upstream a registry's text means, whether or not it has been rewritten already.</summary>
    public string MeaningOf(string registry)
    {
        var restored = rules.Restore($"{registry.TrimEnd('/')}/library/name");
        return restored.IsChanged && ImageReference.TryParse(restored.Reference, out var reference)
            ? reference.Domain
            : UpstreamHosts.Normalise(registry.TrimEnd('/'));
    }
}
