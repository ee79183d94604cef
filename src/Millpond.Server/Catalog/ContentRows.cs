using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>As what a digest belongs to a repository. What was pulled is not told apart: it counts as both.</summary>
[Flags]
public enum LinkKinds
{
    None = 0,
    Blob = 1,
    Manifest = 2,
    Both = Blob | Manifest,

    /// <summary>A manifest that is archived: it belongs to the repository, and is pulled as little as one that does not.</summary>
    Archived = 4,
}

/// <summary>What a write has changed in a repository, for those who remember rows of it. All of it is committed.</summary>
/// <param name="Tags">Tags that moved or are gone.</param>
/// <param name="Unlinked">Digests that do not belong to the repository any more, or only as one of both kinds.</param>
/// <param name="Gone">Manifests whose row is gone, because nobody links them.</param>
/// <param name="Loose">Blobs that no repository links any more; their bytes may go.</param>
public sealed record ContentChange(
    OriginRepository At, IReadOnlyList<string> Tags, IReadOnlyList<Digest> Unlinked, IReadOnlyList<Digest> Gone, IReadOnlyList<Digest> Loose)
{
    /// <summary>Whether the repository itself is no more.</summary>
    public bool IsRepositoryGone { get; init; }
}

/// <summary>What became of a manifest that was pushed.</summary>
/// <param name="Missing">Children that its repository does not have; where there are any, nothing was written.</param>
/// <param name="MediaType">What it goes by from now on.</param>
/// <param name="HeldTag">A tag that may not move and means something else; where there is one, nothing was written.</param>
public sealed record PutManifestResult(IReadOnlyList<Digest> Missing, string MediaType, string? HeldTag = null);

/// <summary>What became of something to be deleted.</summary>
public enum Deletion
{
    /// <summary>The repository does not have it.</summary>
    Absent,
    Done,

    /// <summary>A manifest of the repository needs it.</summary>
    Needed,
}

/// <param name="By">A manifest that needs it.</param>
public sealed record DeletionResult(Deletion Outcome, Digest By = default);

/// <summary>A repository that has a blob.</summary>
public readonly record struct BlobHome(RepositoryName Repository, Origin Origin);
