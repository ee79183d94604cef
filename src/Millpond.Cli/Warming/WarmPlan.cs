using System.Collections.Immutable;
using Millpond.Cli.RuleSources;
using Millpond.Images;

namespace Millpond.Cli.Warming;

/// <summary>An image that is pulled through the cache.</summary>
/// <param name="Given">As it was named, which is what people look for.</param>
/// <param name="Reference">As the cache is asked for it.</param>
/// <param name="Repository">Its repository in the cache.</param>
/// <param name="Name">Its digest, or its tag where it has none.</param>
/// <param name="Rule">The prefix of its rule; empty where it names the cache and no rule is known for it.</param>
internal sealed record WarmImage(string Given, string Reference, RepositoryName Repository, string Name, string Rule);

/// <summary>An image that is not, and why.</summary>
internal sealed record PassedOver(string Reference, string Where, string Why);

/// <summary>What a run pulls, each image once, and what it passes over.</summary>
internal sealed record WarmPlan(ImmutableArray<WarmImage> Images, ImmutableArray<PassedOver> Others)
{
    public static WarmPlan Make(IEnumerable<NamedImage> named, RuleSet set)
    {
        var images = new Dictionary<(RepositoryName, string), WarmImage>();
        var others = new Dictionary<string, PassedOver>(StringComparer.Ordinal);
        foreach (var image in named)
        {
            if (Place(image, set, out var why) is { } placed)
            {
                images.TryAdd((placed.Repository, placed.Name), placed);
            }
            else
            {
                others.TryAdd(image.Reference, new PassedOver(image.Reference, image.Where, why));
            }
        }

        return new WarmPlan(
            [.. images.Values.OrderBy(image => image.Given, StringComparer.Ordinal)],
            [.. others.Values.OrderBy(other => other.Reference, StringComparer.Ordinal)]);
    }

    private static WarmImage? Place(NamedImage image, RuleSet set, out string why)
    {
        var result = set.Rules.Rewrite(image.Reference);
        why = result.Reason.Describe();
        if ((!result.IsChanged && result.Reason != RewriteReason.AlreadyInCache)
            || !ImageReference.TryParse(result.Reference, out var reference)
            || !set.Registry.TryGetRepository(reference, out var repository))
        {
            return null;
        }

        var name = reference.Digest?.ToString() ?? reference.Tag;
        if (name is null && image.TagComesLater)
        {
            why = "has no tag here: what uses it fills one in";
            return null;
        }

        return new WarmImage(image.Reference, result.Reference, repository, name ?? "latest", result.Mapping?.Names.Prefix ?? "");
    }
}
