using System.Net;

namespace Millpond.Server.Operations;

/// <summary>One answered request.</summary>
/// <param name="Result">hit, miss, stale, revalidated, ok, or what was in the way.</param>
/// <param name="IsCut">Whether the body ended early. The framework would call that a success.</param>
public readonly record struct AccessEntry(
    DateTimeOffset Time, string Method, string Path, int Status, long Bytes, TimeSpan Took, string Result, string? Rule, bool IsCut, IPAddress? Client, string? Agent);
