using Millpond.Images;
using Millpond.Rewriting.Edits;

namespace Millpond.Cli.Editing;

/// <summary>
/// Watches for kustomizations whose <c>images[].name</c> no longer matches because the base that said it was rewritten in the same run:
/// the entry's tag or digest would silently be lost.
/// </summary>
internal sealed class MatchedNames
{
    private readonly Dictionary<string, FoundReference> changed = new(StringComparer.Ordinal);
    private readonly List<FoundReference> entries = [];

    public void Add(FoundReference found)
    {
        if (found.MatchedName is not null)
        {
            entries.Add(found);
        }
        else if (found.IsChanged && ImageReference.TryParse(found.Reference, out var reference))
        {
            changed.TryAdd(reference.WrittenName.ToString(), found);
        }
    }

    /// <summary>One line for each entry that has lost what it matched.</summary>
    public IEnumerable<string> Lost()
    {
        foreach (var entry in entries)
        {
            if (entry.MatchedName is { } name && changed.TryGetValue(name, out var match))
            {
                yield return $"{entry.File}:{entry.Line}: images[].name '{name}' no longer matches {match.File}:{match.Line}, which was rewritten; "
                    + "rewrite what 'kustomize build' gives, or leave the base out.";
            }
        }
    }
}
