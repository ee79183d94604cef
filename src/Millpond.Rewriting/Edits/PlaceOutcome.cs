using Millpond.Images;
using Millpond.Rewriting.Places;
using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Edits;

/// <summary>One place with what became of it.</summary>
/// <param name="Change">What the rules say.</param>
/// <param name="Obstacle">What stands against it, where something does.</param>
/// <param name="Edits">The edits it needs; empty where it stays. A shared registry's edit is here for each of its images.</param>
internal sealed record PlaceOutcome(Place Place, ReferenceChange Change, Obstacle? Obstacle, IReadOnlyList<Edit> Edits)
{
    public bool IsChanged => Edits.Count > 0;

    /// <summary>The reference as it stands afterwards.</summary>
    public string After => !IsChanged || Change.Replacement is not { } replacement ? Place.Reference
        : Place.IsPrefix ? Edits[0].Replacement + "/*"
        : replacement + Place.Reference[Place.Name.Length..];

    /// <summary>A word for the reason.</summary>
    public string Reason => Obstacle is { } obstacle && (obstacle.IsMention() || !IsFinal(Change.Result.Reason)) ? obstacle.Word() : Change.Result.Reason.Code();

    /// <summary>The reason in a sentence.</summary>
    public string Why => Obstacle is { } obstacle && (obstacle.IsMention() || !IsFinal(Change.Result.Reason)) ? obstacle.Describe() : Change.Result.Reason.Describe();

    // Where the rules leave a reference alone anyway, their reason says more than what stands against an edit.
    private static bool IsFinal(RewriteReason reason) => !reason.IsChange() && reason is not (RewriteReason.InvalidReference or RewriteReason.Placeholder);
}
