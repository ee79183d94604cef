using Millpond.Server.Cache;

namespace Millpond.Server.Registry;

/// <summary>What became of a request, for the metrics and the access log.</summary>
/// <param name="Bytes">Bytes of the body that were handed to the connection.</param>
/// <param name="Rule">The rule's prefix, where one matched.</param>
/// <param name="Cache">What <c>Millpond-Cache</c> said.</param>
/// <param name="Error">The error's code.</param>
/// <param name="IsCut">Whether the body ended early: the client left, or the bytes did not come.</param>
public readonly record struct RegistryAnswer(int Status, long Bytes, string? Rule, CacheStatus? Cache, string? Error = null, bool IsCut = false);
