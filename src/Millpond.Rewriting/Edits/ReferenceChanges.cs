using System.Collections.Frozen;
using Millpond.Images;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Records;

namespace Millpond.Rewriting.Edits;

/// <summary>The rules in one direction: to the cache, or back to the upstreams.</summary>
public sealed class ReferenceChanges
{
    private readonly RewriteRules rules;
    private readonly RegistryAddress? target;

    private readonly FrozenDictionary<(string Place, string Text), string> originals;

    private ReferenceChanges(RewriteRules rules, RegistryAddress? target, IEnumerable<RecordedEdit> recorded)
    {
        this.rules = rules;
        this.target = target;
        originals = recorded
            .DistinctBy(edit => (edit.Place, edit.Replacement))
            .ToFrozenDictionary(edit => (edit.Place, edit.Replacement), edit => edit.Original);
    }

    /// <summary>Whether references are brought back rather than brought to the cache.</summary>
    public bool Restores => target is null;

    public static ReferenceChanges Rewriting(RewriteRules rules, RegistryAddress target) => new(rules, target, []);

    /// <param name="rules">What names the cache stands for.</param>
    /// <param name="recorded">What was there before, for places that a record knows; the others get their familiar form.</param>
    public static ReferenceChanges Restoring(RewriteRules rules, IEnumerable<RecordedEdit>? recorded = null) => new(rules, null, recorded ?? []);

    internal ReferenceChange Of(Place place)
    {
        var change = Of(place.Name);
        if (Restores && place.Evidence != Evidence.Place && change.Replacement is { } familiar && ImageReference.TryParse(familiar, out var reference))
        {
            // Only its registry tells it there: without one nothing would find it again.
            change = change with { Replacement = reference.Normalised };
        }

        return place.Registry is null && change.Replacement is not null && originals.TryGetValue((place.Path, place.Name), out var original)
            ? change with { Replacement = original }
            : change;
    }

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

    /// <summary>Whether a rule is for this host, or it is the cache itself or a former one.</summary>
    public bool Knows(string host) => rules.Knows(host);

    /// <summary>Whether a record says what stood at this place: then it is known, wherever it is.</summary>
    internal bool Remembers(Place place) => originals.ContainsKey((place.Path, place.Name));

    /// <summary>Which upstream a registry's text means, whether or not it has been rewritten already.</summary>
    public string MeaningOf(string registry)
    {
        var inIt = $"{registry.TrimEnd('/')}/library/name";
        return ImageReference.TryParse(rules.Restore(inIt).Reference, out var reference) ? UpstreamHosts.Normalise(reference.Domain) : registry;
    }
}
