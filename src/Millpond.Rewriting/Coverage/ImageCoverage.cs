using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Coverage;

/// <summary>One image of a report.</summary>
/// <param name="Reference">As it is written first.</param>
/// <param name="Normalised">Spelt out; null where it is no reference.</param>
/// <param name="Covered">Whether it is pulled through the cache, now or after rewriting.</param>
/// <param name="Tier">The tier of the rule that is for its registry; null where there is none.</param>
/// <param name="Rule">The prefix of that rule.</param>
/// <param name="Rewritten">The reference that it becomes or already is; null where it is not covered.</param>
/// <param name="Reason">Why it is covered or not, as a word that programs may rely on.</param>
/// <param name="Cached">Whether the cache has it; null where nobody asked.</param>
public sealed record ImageCoverage(
    string Reference,
    string? Normalised,
    bool Covered,
    string? Tier,
    string? Rule,
    string? Rewritten,
    string Reason,
    bool? Cached,
    ImmutableArray<CoveragePlace> Places)
{
    /// <summary>The reason in a sentence, without a full stop.</summary>
    [JsonIgnore]
    public string Why { get; init; } = "";
}

/// <summary>Where an image is named.</summary>
/// <param name="File">A file; of a cluster, the resource as kind, namespace and name.</param>
/// <param name="Line">1-based; 0 where there are no lines.</param>
/// <param name="Kind">Container, argument, values …</param>
/// <param name="Path">In the document's structure.</param>
public sealed record CoveragePlace(string File, int Line, string Kind, string Path)
{
    /// <summary>What a container of a cluster runs, where that is another image than the one it names.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ImageId { get; init; }

    /// <summary>What tells that it is a reference: its place, its registry with a key that says image, or its registry alone.</summary>
    public string Evidence { get; init; } = Places.Evidence.Place.Word();

    /// <summary>The file with the line; a cluster's resource has none.</summary>
    public override string ToString() => Line == 0 ? File : $"{File}:{Line}";
}

/// <summary>The whole report.</summary>
public sealed record CoverageReport(ImmutableArray<ImageCoverage> Images, CoverageSummary Summary)
{
    /// <summary>What could not be read, so that nobody takes it for empty; null where everything was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<NotRead>? NotRead { get; init; }

    /// <summary>References that are named without being pulled; null where there are none. They count neither as covered nor as not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<NamedOnly>? NamedOnly { get; init; }
}

/// <summary>A reference that nothing is pulled by.</summary>
/// <param name="Reason">What it is there for, as a word: a policy, prose, what is built here.</param>
/// <param name="Line">1-based.</param>
public sealed record NamedOnly(string Reference, string Reason, string File, int Line, string Path);

/// <summary>Something that the report should be about and is not.</summary>
/// <param name="What">A kind of resource.</param>
/// <param name="Why">What was answered.</param>
public sealed record NotRead(string What, string Why);

/// <param name="Images">Distinct images.</param>
/// <param name="Covered">How many of them are covered.</param>
/// <param name="Places">How often images are named.</param>
/// <param name="Tiers">By tier, in the order of their names.</param>
/// <param name="Reasons">How many images have which reason.</param>
public sealed record CoverageSummary(
    int Images, int Covered, int Places, ImmutableSortedDictionary<string, TierCoverage> Tiers, ImmutableSortedDictionary<string, int> Reasons);

/// <summary>A tier's share: images for which it has a rule, and how many of them are covered.</summary>
public sealed record TierCoverage(int Images, int Covered);
