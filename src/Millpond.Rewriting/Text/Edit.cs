namespace Millpond.Rewriting.Text;

/// <summary>A stretch of a document's bytes and what stands there instead.</summary>
/// <param name="Offset">From the document's first byte.</param>
/// <param name="Length">Of the original; zero for an insertion.</param>
public readonly record struct Edit(int Offset, int Length, string Replacement);
