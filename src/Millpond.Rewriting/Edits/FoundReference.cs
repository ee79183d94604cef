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

    /// <summary>What a kustomization's entry is matched by: the name that its bases must still say.</summary>
    public string? MatchedName { get; init; }

    /// <summary>The texts that change. A key that several references share is named by each of them.</summary>
    public required ImmutableArray<TextEdit> Edits { get; init; }
}

/// <summary>A stretch of a file and what stands there instead.</summary>
/// <param name="Offset">In bytes from the file's start.</param>
/// <param name="Line">1-based.</param>
public sealed record TextEdit(long Offset, int Line, string Original, string Replacement);

/// <summary>Something in a file that could not be read; what it belongs to came out unchanged.</summary>
public sealed record FileFault(string File, int Line, string What);

/// <summary>What was found in a file.</summary>
public sealed record FileReport(string File, IReadOnlyList<FoundReference> References, IReadOnlyList<FileFault> Faults)
{
    public bool IsChanged => References.Any(reference => reference.IsChanged);

    /// <summary>Every edit once, in the file's order.</summary>
    public IReadOnlyList<TextEdit> Edits => InOrder(References.SelectMany(reference => reference.Edits));

    /// <summary>Edits in the file's order. One that several references need is there once.</summary>
    public static IReadOnlyList<TextEdit> InOrder(IEnumerable<TextEdit> edits) => [.. edits.Distinct().OrderBy(edit => edit.Offset)];
}
