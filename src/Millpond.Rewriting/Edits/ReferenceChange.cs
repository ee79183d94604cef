using Millpond.Images;

namespace Millpond.Rewriting.Edits;

/// <summary>What the rules make of one reference.</summary>
/// <param name="Replacement">The reference that is to stand there; null where it stays.</param>
/// <param name="Registry">The replacement's registry, with the rule's prefix, for files that keep it apart.</param>
/// <param name="Repository">What follows it, tag and digest included.</param>
public sealed record ReferenceChange(RewriteResult Result, string? Replacement, string? Registry, string? Repository);
