using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Edits;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Coverage;

/// <summary>Puts what was found in many files together by image.</summary>
public sealed class CoverageBuilder
{
    private readonly Dictionary<(string Image, string Reason), (FoundReference First, List<CoveragePlace> Places)> images = [];

    private readonly List<NotRead> notRead = [];
    private readonly List<NamedOnly> mentions = [];

    /// <summary>What cannot be read is part of the report.</summary>
    public void AddNotRead(NotRead source) => notRead.Add(source);

    public void Add(FileReport report)
    {
        foreach (var found in report.References.Concat(report.Mentions))
        {
            Add(found);
        }
    }

    public void Add(FoundReference found)
    {
        if (found.IsMention)
        {
            mentions.Add(new NamedOnly(found.Reference, found.Reason, found.File, found.Line, found.Path));
            return;
        }

        var key = (Normalise(found.Reference) ?? found.Reference, found.Reason);
        if (!images.TryGetValue(key, out var image))
        {
            images[key] = image = (found, []);
        }

        image.Places.Add(new CoveragePlace(found.File, found.Line, found.Kind.Word(), found.Path) { ImageId = found.ImageId, Evidence = found.Evidence.Word() });
    }

    /// <param name="isCached">Asks the cache for a reference that is covered; null not to ask.</param>
    public CoverageReport Build(Func<string, bool?>? isCached = null)
    {
        ImmutableArray<ImageCoverage> all =
        [
            .. images.OrderBy(image => image.Key.Image, StringComparer.Ordinal)
                .ThenBy(image => image.Key.Reason, StringComparer.Ordinal)
                .Select(image => Describe(image.Value.First, image.Value.Places, isCached)),
        ];
        return new CoverageReport(all, Summarise(all))
        {
            NotRead = notRead.Count == 0 ? null : notRead,
            NamedOnly = mentions.Count == 0 ? null : mentions,
        };
    }

    private static ImageCoverage Describe(FoundReference first, List<CoveragePlace> places, Func<string, bool?>? isCached)
    {
        var covered = first.IsChanged || first.Result.Reason == RewriteReason.AlreadyInCache;
        var mapping = first.Result.Mapping;
        return new ImageCoverage(
            first.Reference,
            Normalise(first.Reference),
            covered,
            mapping?.Tier,
            mapping?.Names.Prefix,
            covered ? first.After : null,
            first.Reason,
            covered ? isCached?.Invoke(first.After) : null,
            [.. places])
        {
            Why = first.Why,
        };
    }

    private static CoverageSummary Summarise(ImmutableArray<ImageCoverage> images) => new(
        images.Length,
        images.Count(image => image.Covered),
        images.Sum(image => image.Places.Length),
        images.Where(image => image.Tier is not null)
            .GroupBy(image => image.Tier!)
            .ToImmutableSortedDictionary(tier => tier.Key, tier => new TierCoverage(tier.Count(), tier.Count(image => image.Covered)), StringComparer.Ordinal),
        images.GroupBy(image => image.Reason)
            .ToImmutableSortedDictionary(reason => reason.Key, reason => reason.Count(), StringComparer.Ordinal));

    private static string? Normalise(string reference) => ImageReference.TryParse(reference, out var parsed) ? parsed.Normalised : null;
}
