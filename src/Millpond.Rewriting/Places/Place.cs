using Millpond.Rewriting.Text;

namespace Millpond.Rewriting.Places;

/// <summary>
/// One reference in a document: what it is for, what it says, and the texts that would have to change. A reference may stand in one
/// text, or in two (a registry and a repository under keys of their own), or share its registry with others.
/// </summary>
internal sealed class Place
{
    public required PlaceKind Kind { get; init; }

    /// <summary>Where it is in the document's structure.</summary>
    public required string Path { get; init; }

    /// <summary>The reference as far as the document tells it: registry, repository, tag and digest put together.</summary>
    public required string Reference { get; init; }

    /// <summary>Registry and repository put together, without tag and digest where those stand apart: what is decided on.</summary>
    public required string Name { get; init; }

    /// <summary>The text of the whole reference, or of the repository; null where it cannot be edited.</summary>
    public EditableText? Text { get; init; }

    /// <summary>The registry's text where that stands apart.</summary>
    public EditableText? Registry { get; init; }

    /// <summary>The repository as it is composed, where the registry stands apart.</summary>
    public string? Repository { get; init; }

    /// <summary>Why it stays whatever the rules say; null for a place that can be edited.</summary>
    public Obstacle? Obstacle { get; init; }

    /// <summary>Where a key has to be added instead of a text changed.</summary>
    public Insertion? Insertion { get; init; }

    /// <summary>Whether it is the beginning of names that something else completes; what is decided on is one of them.</summary>
    public bool IsPrefix { get; init; }

    /// <summary>The name by which a kustomization finds the images that this reference replaces.</summary>
    public string? MatchedName { get; init; }

    /// <summary>What tells that it is a reference.</summary>
    public Evidence Evidence { get; init; } = Evidence.Place;

    /// <summary>Where it begins in the document.</summary>
    public required int Offset { get; init; }
}

/// <summary>
/// What is added where nothing stands yet: <c>newName: …</c> under a kustomization's <c>name</c>, the text of an empty <c>registry:</c>, or that key.
/// </summary>
/// <param name="Offset">In the document.</param>
/// <param name="Before">What comes before the reference: line break, indentation, key.</param>
/// <param name="After">What comes after it.</param>
internal sealed record Insertion(int Offset, string Before, string After)
{
    /// <summary>Whether only the registry is added, beside a repository.</summary>
    public bool IsRegistry { get; init; }
}
