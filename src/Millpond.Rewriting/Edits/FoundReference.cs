using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Rewriting.Places;

namespace Millpond.Rewriting.Edits;

/// <summary>A reference that was found, with what became of it.</summary>
/// <param name="Line">1-based.</param>
/// <param name="Path">Where it is in the document's structure.</param>
public sealed record FoundReference(string File, int Line, PlaceKind Kind, string Path)
{
    /// <summary>As it stands, put together where it stands in several keys.</summary>
    public required string Reference { get; init; }

    /// <summary>What runs instead, where that is known and another image.</summary>
    public string? ImageId { get; init; }

    /// <summary>As it stands afterwards.</summary>
    public required string After { get; init; }

    /// <summary>What the rules say of it.</summary>
    public required RewriteResult Result { get; init; }

    /// <summary>The reason as a word that programs may rely on.</summary>
    public required string Reason { get; init; }

    /// <summary>The reason in a sentence, without a full stop.</summary>
    public required string Why { get; init; }

    public required bool IsChanged { get; init; }

    /// <summary>What tells that it is a reference.</summary>
    public Evidence Evidence { get; init; }

    /// <summary>Whether it is only named there (a policy, prose, what is built here), so that nothing is pulled by it.</summary>
    public bool IsMention { get; init; }

    /// <summary>What a kustomization's entry is matched by: the name that its bases must still say.</summary>
    public string? MatchedName { get; init; }

    /// <summary>The stretches of the file that it stands in, whether they change or not: one text, or registry and repository.</summary>
    public ImmutableArray<TextSpan> Texts { get; init; } = [];

    /// <summary>Where a key would be added instead; null for a reference that stands somewhere.</summary>
    public AddedKey? Added { get; init; }

    /// <summary>The texts that change. A key that several references share is named by each of them.</summary>
    public required ImmutableArray<TextEdit> Edits { get; init; }
}

/// <summary>A stretch of a file and what stands there instead.</summary>
/// <param name="Offset">In bytes from the file's start.</param>
/// <param name="Line">1-based.</param>
public sealed record TextEdit(long Offset, int Line, string Original, string Replacement);

/// <summary>A stretch of a file.</summary>
/// <param name="Offset">In bytes from the file's start.</param>
/// <param name="Length">In bytes.</param>
public readonly record struct TextSpan(long Offset, int Length);

/// <summary>A key that rewriting adds for a reference.</summary>
/// <param name="Offset">In bytes from the file's start.</param>
/// <param name="Before">What comes before the reference.</param>
/// <param name="After">What comes after it.</param>
public sealed record AddedKey(long Offset, string Before, string After);

/// <summary>Something in a file that could not be read; what it belongs to came out unchanged.</summary>
public sealed record FileFault(string File, int Line, string What);

/// <summary>What was found in a file.</summary>
public sealed record FileReport(string File, IReadOnlyList<FoundReference> References, IReadOnlyList<FileFault> Faults)
{
    /// <summary>References that are only named: in policies, in prose, as what is built here.</summary>
    public IReadOnlyList<FoundReference> Mentions { get; init; } = [];

    public bool IsChanged => References.Any(reference => reference.IsChanged);

    /// <summary>Every edit once, in the file's order.</summary>
    public IReadOnlyList<TextEdit> Edits => InOrder(References.SelectMany(reference => reference.Edits));

    /// <summary>Edits in the file's order. One that several references need is there once.</summary>
    public static IReadOnlyList<TextEdit> InOrder(IEnumerable<TextEdit> edits) => [.. edits.Distinct().OrderBy(edit => edit.Offset)];
}
