using Millpond.Images;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Eviction;

/// <summary>
/// What a client deletes from a cache: forgotten here, by catalog and by every memory, so that the next pull asks upstream. Also what upstream was
/// found not to have.
/// </summary>
/// <param name="settled">Ends when a download that its client has whole is written down.</param>
internal sealed class CacheDrop(CatalogDatabase catalog, LinkMemory known, NegativeCache negative, Freshness freshness, Func<Digest, Task> settled)
{
    /// <summary>Whether something was pulled through the repository from where its rule points now.</summary>
    public ValueTask<bool> HasRepositoryAsync(RuleMatch target) => catalog.Contents.HasRepositoryAsync(target.Repository, known.At(target).Origin);

    /// <summary>False where it was not here.</summary>
    public async Task<bool> TagAsync(RuleMatch target, string tag)
    {
        var wasHere = await catalog.Contents.DeleteTagAsync(known.At(target), tag);
        Forget(target, tag);
        return wasHere;
    }

    /// <inheritdoc cref="TagAsync"/>
    public async Task<bool> ManifestAsync(RuleMatch target, Digest digest)
    {
        var result = await catalog.Contents.DeleteManifestAsync(known.At(target), digest, evenIfNeeded: true);
        if (result.Outcome == Deletion.Done)
        {
            // Else it would be fetched again for the sake of an image that was to be made whole.
            await catalog.Incomplete.RemoveAsync(target.Repository, digest);
        }

        Forget(target, digest.ToString());
        return result.Outcome == Deletion.Done;
    }

    /// <inheritdoc cref="TagAsync"/>
    public async Task<bool> BlobAsync(RuleMatch target, Digest digest)
    {
        // Who deletes it may have had its last byte a moment ago: what is being written down would else stay.
        await settled(digest);
        var result = await catalog.Contents.DeleteBlobAsync(known.At(target), digest, evenIfNeeded: true);
        Forget(target, NegativeCache.Blob(digest));
        return result.Outcome == Deletion.Done;
    }

    private void Forget(RuleMatch target, string reference)
    {
        negative.Forget(target.Repository, reference);
        freshness.Succeeded(target.Repository, reference);
    }
}
