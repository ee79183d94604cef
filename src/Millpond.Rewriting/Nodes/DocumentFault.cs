namespace Millpond.Rewriting.Nodes;

/// <summary>Why a document could not be read, and where.</summary>
/// <param name="Line">1-based, of the text that was read.</param>
public sealed record DocumentFault(int Line, string What);
