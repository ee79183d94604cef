using Millpond.Rewriting.Nodes;

namespace Millpond.Rewriting.Charts;

/// <summary>What a chart puts before a repository of its values.</summary>
internal sealed record ChartRegistry
{
    /// <summary>The chart does not say, or says more than one thing.</summary>
    public static ChartRegistry Unknown { get; } = new();

    /// <summary>Nothing: the repository is the whole name.</summary>
    public static ChartRegistry None { get; } = new() { IsNone = true };

    /// <summary>The values are for a part of the chart that is not there: it may put something before the repository, and nobody can say what.</summary>
    public static ChartRegistry NotAtHand { get; } = new() { IsNotAtHand = true };

    public bool IsNotAtHand { get; private init; }

    public bool IsNone { get; private init; }

    /// <summary>The registry; null where none is known.</summary>
    public string? Text { get; init; }

    /// <summary>Where it stands in the values at hand; null where it comes from the chart.</summary>
    public ScalarNode? Node { get; init; }

    /// <summary>The key beside the repository that says another registry; null where the image has none.</summary>
    public string? Key { get; init; }
}
