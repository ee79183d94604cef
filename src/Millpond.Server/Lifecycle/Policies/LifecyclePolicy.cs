using System.Collections.Immutable;

namespace Millpond.Server.Lifecycle.Policies;

/// <summary>A policy whose text was checked, its rules by their priority.</summary>
public sealed record LifecyclePolicy(ImmutableArray<LifecycleRule> Rules);

/// <summary>One rule: which images it selects, what it counts of them, and what becomes of those beyond the count.</summary>
/// <param name="Tags">What an image must have a tag for, each; empty where the status alone decides.</param>
/// <param name="OfArchive">Whether it looks at archived images instead of active ones.</param>
/// <param name="CountNumber">How many images stay, or how many days.</param>
public sealed record LifecycleRule(
    long Priority, TagStatus TagStatus, ImmutableArray<TagPattern> Tags, bool OfArchive, CountType CountType, long CountNumber, LifecycleAction Action);

public enum TagStatus
{
    Any,
    Tagged,
    Untagged,
}

public enum CountType
{
    ImageCountMoreThan,
    SinceImagePushed,
    SinceImagePulled,
    SinceImageTransitioned,
}

public enum LifecycleAction
{
    Expire,

    /// <summary>To the archive: kept, and not pulled until it is restored.</summary>
    Archive,
}
