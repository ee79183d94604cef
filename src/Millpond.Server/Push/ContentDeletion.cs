using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Configuration;

namespace Millpond.Server.Push;

/// <summary>What was deleted, for the log.</summary>
public sealed record Deleted(string What);

/// <summary>
/// Takes tags, manifests and blobs out of the server's own repositories. What is read at the time is read to its end; what another repository
/// has stays there; what a manifest of this one needs stays here.
/// </summary>
public sealed class ContentDeletion
{
    private readonly CatalogDatabase catalog;

    private readonly bool mayLackManifests;

    internal ContentDeletion(CatalogDatabase catalog, PushConfiguration configuration)
    {
        this.catalog = catalog;
        mayLackManifests = configuration.SparseIndexes;
    }

    /// <summary>The tag alone.</summary>
    public Task<PushResult<Deleted>> TagAsync(RepositoryName repository, string tag) => WrittenAsync(async () =>
        await catalog.Contents.DeleteTagAsync(OriginRepository.Own(repository), tag)
            ? new Deleted(tag)
            : new PushFailure(PushFailureKind.ManifestUnknown, $"'{repository}' has no tag '{tag}'"));

    /// <summary>The manifest and the repository's tags that mean it.</summary>
    public Task<PushResult<Deleted>> ManifestAsync(RepositoryName repository, Digest digest) => WrittenAsync(async () =>
        Judge(await catalog.Contents.DeleteManifestAsync(OriginRepository.Own(repository), digest, evenIfNeeded: mayLackManifests), repository, digest, PushFailureKind.ManifestUnknown));

    /// <summary>The blob; its bytes go when no other repository has it.</summary>
    public Task<PushResult<Deleted>> BlobAsync(RepositoryName repository, Digest digest) => WrittenAsync(async () =>
        Judge(await catalog.Contents.DeleteBlobAsync(OriginRepository.Own(repository), digest, evenIfNeeded: false), repository, digest, PushFailureKind.BlobUnknown));

    private static PushResult<Deleted> Judge(DeletionResult result, RepositoryName repository, Digest digest, PushFailureKind absent) => result.Outcome switch
    {
        Deletion.Done => new Deleted(digest.ToString()),
        Deletion.Absent => new PushFailure(absent, $"'{repository}' does not have {digest}"),
        Deletion.Needed => new PushFailure(PushFailureKind.StillNeeded, $"the manifest {result.By} of '{repository}' names {digest}; delete that first"),
    };

    private static async Task<PushResult<Deleted>> WrittenAsync(Func<Task<PushResult<Deleted>>> delete)
    {
        try
        {
            return await delete();
        }
        catch (CatalogUnwrittenException)
        {
            return BlobPush.Unwritten("the catalog could not be written; nothing was deleted");
        }
    }
}
