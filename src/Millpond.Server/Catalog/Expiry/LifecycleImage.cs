using Millpond.Images;

namespace Millpond.Server.Catalog.Expiry;

/// <summary>An image of a repository as lifecycle policies look at it; times in milliseconds since 1970, 0 for never. There may be 100,000 at once.</summary>
public sealed class LifecycleImage
{
    public required Digest Digest { get; init; }

    public IReadOnlyList<string> Tags { get; set; } = [];

    /// <summary>When it came into this repository: pushed, or imported by a pull.</summary>
    public required long PushedAt { get; init; }

    public long PulledAt { get; init; }

    /// <summary>When it was last restored from the archive.</summary>
    public long ActivatedAt { get; init; }

    /// <summary>When it was last archived.</summary>
    public long ArchivedAt { get; init; }

    public bool IsArchived { get; init; }

    /// <summary>Whether an index of the repository names it.</summary>
    public bool IsListed { get; init; }

    /// <summary>Whether it speaks of another image that is here (its subject), with which it goes.</summary>
    public bool Follows { get; init; }

    /// <summary>The manifest's length.</summary>
    public long Size { get; init; }
}

/// <summary>An image that is to leave its repository, or its class, as it was when that was decided.</summary>
/// <param name="MayBePulled">Whether a pull since then changes nothing: the rule does not count pulls.</param>
public sealed record Departure(LifecycleImage Image, bool MayBePulled);

/// <summary>An image that a rule has chosen and the availability guard has kept.</summary>
/// <param name="Priority">Of the rule.</param>
/// <param name="IsFailing">Whether that is the upstream's failure, and may be over soon.</param>
/// <param name="Since">When it was first held, without a break.</param>
/// <param name="Tries">How often it was asked for in vain.</param>
public sealed record HeldRow(
    OriginRepository At, Digest Digest, long Priority, string Reason, bool IsFailing, DateTimeOffset Since, DateTimeOffset AskedAt, DateTimeOffset NextAt, int Tries);
