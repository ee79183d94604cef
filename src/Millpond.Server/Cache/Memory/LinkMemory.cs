using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// What the catalog says of links and sizes, remembered, so that a warm pull asks no database. Links made here hold even while the
/// catalog cannot be written. Whoever takes a row away tells it here.
/// </summary>
internal sealed class LinkMemory(CatalogDatabase catalog, Origins origins)
{
    /// <summary>Entries of about 200 bytes: some 40 MB at most.</summary>
    private const int Capacity = 200_000;

    /// <summary>Repositories of which a client deleted something lately.</summary>
    private const int DropsRemembered = 10_000;

    /// <summary>Sizes that the latest manifests give for their children, some 10 MB at most.</summary>
    private const int DescribedRemembered = 50_000;

    /// <summary>No registry takes an image of more; a made-up one of more is described by the catalog alone.</summary>
    private const int MostDescribed = 500;

    private readonly GenerationCache<RepositoryName, long> drops = new(DropsRemembered, static _ => 1);
    private long dropCount;

    private readonly Lock books = new();

    /// <summary>Blobs that are gone, while the catalog still lists them.</summary>
    private readonly ConcurrentDictionary<Digest, bool> leaving = new();

    /// <summary>Blobs that were found in the store and not hashed yet.</summary>
    private readonly ConcurrentDictionary<Digest, bool> doubtful = new();
    private readonly GenerationCache<(RepositoryName, Origin, Digest), bool> links = new(Capacity, static _ => 1);
    private readonly GenerationCache<(RepositoryName, Origin, Digest), (long Size, Digest Parent)> described = new(DescribedRemembered, static _ => 1);
    private readonly GenerationCache<Digest, long> sizes = new(Capacity, static _ => 1);

    /// <summary>The repository as its rule's upstream has it now.</summary>
    public OriginRepository At(RuleMatch target) => origins.Of(target);

    /// <summary>Whether the digest is here for the repository.</summary>
    public ValueTask<bool> IsLinkedAsync(RuleMatch target, Digest digest)
    {
        var at = At(target);

        // While nobody knows whose credential it is, nothing is known to be his.
        return at.Origin == Origin.Nobody ? new(false) : links.TryGet(Key(at, digest), out _) ? new(true) : ReadLinkAsync(at, digest);
    }

    /// <summary>Whether it is, by memory alone: enough for one who has just read the catalog, since whatever is linked meanwhile is linked here.</summary>
    public bool IsLinkedMeanwhile(RuleMatch target, Digest digest) => At(target) is var at && at.Origin != Origin.Nobody && links.TryGet(Key(at, digest), out _);

    /// <summary>Whether the repository's own upstream has brought the digest, for this repository or another, to the same credential.</summary>
    public ValueTask<bool> IsBroughtAsync(RuleMatch target, Digest digest) =>
        At(target).Origin is var origin && origin == Origin.Nobody ? new(false) : catalog.IsLinkedAsync(origin, digest);

    /// <summary>Links in memory only; the caller records it in the catalog too.</summary>
    public void Link(RuleMatch target, Digest digest) => links.Set(Key(At(target), digest), true);

    /// <summary>
    /// Links a digest that its upstream has shown to have in this repository, at once; the row follows. Unwritten, the link in memory serves
    /// until it is proven again.
    /// </summary>
    public void LinkProven(RuleMatch target, Digest digest)
    {
        Link(target, digest);
        _ = catalog.LinkAsync(At(target), digest).OrUnwrittenAsync();
    }

    /// <summary>The size that a manifest linked in this repository gives for this digest.</summary>
    public ValueTask<long?> FindDescribedSizeAsync(RuleMatch target, Digest digest) => catalog.FindDescribedSizeAsync(At(target), digest);

    /// <summary>
    /// The size that a manifest gives for it that has come for this repository lately, and is linked here still: its blobs are asked for next, and the
    /// first byte of each then waits for no catalog. Null where the catalog must be asked.
    /// </summary>
    public long? FindLatelyDescribed(RuleMatch target, Digest digest) =>
        described.TryGet(Key(At(target), digest), out var found) && IsLinkedMeanwhile(target, found.Parent) ? found.Size : null;

    /// <summary>A manifest that is linked in this repository gives these sizes. Of two that differ the smaller holds, as in the catalog.</summary>
    public void Describe(RuleMatch target, Digest manifest, IEnumerable<Descriptor> children)
    {
        var at = At(target);
        foreach (var child in children.Take(MostDescribed))
        {
            if (FindLatelyDescribed(target, child.Digest) is not { } before || child.Size < before)
            {
                described.Set(Key(at, child.Digest), (child.Size, manifest));
            }
        }
    }

    /// <summary>The size in bytes of a blob that was stored, or null.</summary>
    public ValueTask<long?> FindStoredSizeAsync(Digest digest) => sizes.TryGet(digest, out var size) ? new(size) : ReadSizeAsync(digest);

    /// <summary>Verified bytes of this length are in the store, or will be in a moment.</summary>
    public void Stored(Digest digest, long size)
    {
        leaving.TryRemove(digest, out _);
        sizes.Set(digest, size);
        Verified(digest);
    }

    /// <summary>Takes a stored blob for known that no catalog row lists, but not for verified; false where it is known already.</summary>
    public async ValueTask<bool> TryAdoptAsync(Digest digest, long size)
    {
        if (await FindStoredSizeAsync(digest) is not null)
        {
            return false;
        }

        // Two may have found no row: the first to say so adopts it.
        lock (books)
        {
            if (sizes.TryGet(digest, out _))
            {
                return false;
            }

            Stored(digest, size);
            doubtful[digest] = true;
            return true;
        }
    }

    /// <summary>Whether nobody has hashed this blob since it was found.</summary>
    public bool IsDoubtful(Digest digest) => doubtful.ContainsKey(digest);

    public void Verified(Digest digest) => doubtful.TryRemove(digest, out _);

    /// <summary>Takes a blob out of the books, once: its size there, or null where it is not in them (any more).</summary>
    public async ValueTask<long?> TakeOutAsync(Digest digest)
    {
        if (await FindStoredSizeAsync(digest) is not { } size)
        {
            return null;
        }

        lock (books)
        {
            // Two may have found it: the first to say so takes it.
            if (!sizes.TryGet(digest, out _))
            {
                return null;
            }

            // Before the row is gone, which takes a moment: who looks meanwhile must not find it, and not take it out again.
            leaving[digest] = true;
            Forget(digest);
        }

        _ = RemoveRowAsync(digest);
        return size;
    }

    /// <summary>The blob is not stored any more.</summary>
    public void Forget(Digest digest)
    {
        sizes.Remove(digest);
        Verified(digest);
    }

    /// <summary>The digest's row of this link is gone.</summary>
    public void ForgetLink(OriginRepository at, Digest digest) => links.Remove(Key(at, digest));

    /// <summary>How often clients have deleted anything from any cache.</summary>
    public long DropCount => Volatile.Read(ref dropCount);

    /// <summary>
    /// When a client last deleted anything from the cache that is this repository, in <see cref="DropCount"/>s. What upstream was asked for before
    /// that is answered and not kept, and nobody joins it any more.
    /// </summary>
    public long LastDrop(RepositoryName repository) => drops.TryGet(repository, out var last) ? last : 0;

    /// <summary>A client has changed the repository.</summary>
    public void Forget(ContentChange change)
    {
        if (change.At.Origin != Origin.None && change.Tags.Count + change.Unlinked.Count > 0)
        {
            drops.Set(change.At.Name, Interlocked.Increment(ref dropCount));
        }

        foreach (var digest in change.Unlinked)
        {
            ForgetLink(change.At, digest);
        }
    }

    private static (RepositoryName, Origin, Digest) Key(OriginRepository at, Digest digest) => (at.Name, at.Origin, digest);

    private async ValueTask<bool> ReadLinkAsync(OriginRepository at, Digest digest)
    {
        var asOf = links.Removals;
        return await catalog.IsLinkedAsync(at, digest) && links.Add(Key(at, digest), true, asOf);
    }

    private async ValueTask<long?> ReadSizeAsync(Digest digest)
    {
        if (leaving.ContainsKey(digest) || await catalog.FindBlobAsync(digest) is not { } row)
        {
            return null;
        }

        sizes.Set(digest, row.Size);
        if (leaving.ContainsKey(digest))
        {
            sizes.Remove(digest);
            return null;
        }

        return row.Size;
    }

    private async Task RemoveRowAsync(Digest digest)
    {
        // Unwritten it stays out of the books of this run; the row without its file is a cold miss after a restart.
        try
        {
            await catalog.RemoveBlobAsync(digest);
            leaving.TryRemove(digest, out _);
        }
        catch (Exception failure) when (failure is CatalogUnwrittenException or ObjectDisposedException)
        {
            // Said by the writer, once a minute.
        }
    }
}
