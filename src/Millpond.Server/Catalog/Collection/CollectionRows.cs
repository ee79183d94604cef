using Millpond.Images;

namespace Millpond.Server.Catalog.Collection;

/// <summary>Why something is not evicted as the least recently pulled, as it stands in the column <c>kept</c> of manifests and blobs.</summary>
[Flags]
public enum KeptFor
{
    Nothing = 0,

    /// <summary>A pin names the image.</summary>
    Pin = 1,

    /// <summary>It was pushed: it is no cache.</summary>
    Push = 2,

    /// <summary>Its upstream no longer has it: it goes when nothing else is left to evict.</summary>
    LastCopy = 4,
}

/// <summary>A digest as it belongs to a repository by an origin, and the order in which links are looked through.</summary>
public readonly record struct LinkKey(string Digest, string Repository, long Origin)
{
    /// <summary>Before all others.</summary>
    public static LinkKey First => new("", "", long.MinValue);

    internal OriginRepository At => new(RepositoryName.Parse(Repository), new(Origin), null);
}

/// <summary>A link as a pass finds it.</summary>
/// <param name="IsManifest">Whether the digest is that of a manifest that is here.</param>
/// <param name="IsPinned">Of a manifest: whether it is marked as pinned.</param>
/// <param name="IsUseless">Of a blob: whether no manifest of the repository names it; of a manifest: whether nothing keeps it and nobody has pulled it for long.</param>
public readonly record struct LinkState(LinkKey Key, bool IsManifest, bool IsPinned, bool IsUseless);

/// <summary>A digest that nothing refers to any more, as it was last known.</summary>
/// <param name="Since">Since when.</param>
/// <param name="IsManifest">Whether a manifest of this digest is here that no repository has.</param>
/// <param name="IsBlob">Whether a blob of this digest is stored that no repository has and no manifest names.</param>
/// <param name="IsOver">Whether it is referred to again, or is not here any more.</param>
public readonly record struct UnreferencedRow(Digest Digest, DateTimeOffset Since, bool IsManifest, bool IsBlob, bool IsOver);

/// <summary>A stored blob as the scrub and the daily look at all blobs find it.</summary>
/// <param name="IsForgotten">Whether no repository has it, no manifest names it, and nobody wrote down since when.</param>
public readonly record struct BlobState(Digest Digest, long Size, DateTimeOffset PulledAt, KeptFor Kept, bool IsForgotten);

/// <summary>What was collected from the catalog, for those who remember rows of it. All of it is committed.</summary>
/// <param name="Links">Digests that do not belong to a repository any more.</param>
/// <param name="Gone">Manifests whose row is gone.</param>
public sealed record CollectedRows(IReadOnlyList<(OriginRepository At, Digest Digest)> Links, IReadOnlyList<Digest> Gone);

/// <summary>A reference or glob of images that are not evicted.</summary>
public sealed record PinRow(string Pattern, DateTimeOffset CreatedAt);
