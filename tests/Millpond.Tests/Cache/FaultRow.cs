using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public enum PulledKind
{
    /// <summary>A blob whose manifest was pulled before.</summary>
    Blob,

    /// <summary>A manifest by tag.</summary>
    Manifest,

    /// <summary>A manifest by digest whose index was pulled before.</summary>
    Child,
}

public enum Kept
{
    Whole,
    Partial,
    Nothing,
}

/// <summary>What one fault does to cold and to warm pulls.</summary>
/// <param name="Story">What the upstream does, in a few words.</param>
public sealed record FaultRow(UpstreamFault Fault, string Story, PulledKind Pulled)
{
    public FakeUpstreamOptions Upstream { get; init; } = new();

    /// <summary>Makes the upstream misbehave in this way; null where the address itself is wrong.</summary>
    public Action<MatrixRun>? Arm { get; init; }

    /// <summary>What happens while clients wait; the clock has to be moved here.</summary>
    public Func<MatrixRun, Task>? Meanwhile { get; init; }

    /// <summary>The fault strikes after the first bytes: all clients are let in before it does.</summary>
    public bool InMidBody { get; init; }

    /// <summary>What clients may get: the first for a single one, any for one of many, which may come after the failure was seen.</summary>
    public required int[] Status { get; init; }

    /// <summary>The body ends in a broken connection.</summary>
    public bool IsBroken { get; init; }

    /// <summary>Seconds of Retry-After that a single client is told; null for none.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>A word of the reason that clients must be given.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The most requests for what is pulled; what a single client makes exactly.</summary>
    public required int Requests { get; init; }

    /// <summary>The fewest requests of a single client where the breaker may step in between.</summary>
    public int? FewestRequests { get; init; }

    /// <summary>The most requests where many clients come; null = as for one.</summary>
    public int? RequestsOfMany { get; init; }

    /// <summary>The most bytes that upstream sends, as a multiple of what is pulled.</summary>
    public double Bytes { get; init; } = 1;

    public Kept Kept { get; init; } = Kept.Whole;

    /// <summary>What Millpond-Cache says of a cached tag whose check is due while the upstream misbehaves; null where a warm pull makes no sense.</summary>
    public string? Warm { get; init; } = "revalidated";

    /// <summary>Makes the upstream misbehave towards a check; null = as for cold pulls.</summary>
    public Action<MatrixRun>? ArmWarm { get; init; }

    /// <summary>A cold pull makes no sense.</summary>
    public bool WarmOnly { get; init; }

    public override string ToString() => $"{Fault}: {Story}";
}
