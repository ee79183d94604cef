namespace Millpond.Server.Registry.Answers;

/// <summary>What became of a request, for the metrics and the access log.</summary>
/// <param name="Bytes">Bytes of the body that were handed to the connection.</param>
/// <param name="Result">What <c>Millpond-Cache</c> said, or what was in the way of an answer.</param>
/// <param name="Rule">The rule's prefix, where one matched.</param>
/// <param name="IsCut">Whether the body ended early: the client left, or the bytes did not come.</param>
public readonly record struct RegistryAnswer(int Status, long Bytes, string Result, string? Rule = null, bool IsCut = false);
