using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>
/// What the catalog says of links and sizes, remembered, so that a warm pull asks no database. Links made here hold even while the
/// catalog cannot be written.
/// </summary>
internal sealed class KnownBlobs(CatalogDatabase catalog)
{
    /// <summary>Entries of about 200 bytes: some 40 MB at most.</summary>
    private const int Capacity = 200_000;

    private readonly Lock adopting = new();
    private readonly GenerationCache<(RepositoryName, Digest), bool> links = new(Capacity, static _ => 1);
    private readonly GenerationCache<(RepositoryName, Digest), bool> adopted = new(Capacity, static _ => 1);
    private readonly GenerationCache<Digest, long> sizes = new(Capacity, static _ => 1);

    /// <summary>Whether the digest is here for the repository.</summary>
    public bool IsLinked(RepositoryName repository, Digest digest)
    {
        if (links.TryGet((repository, digest), out _))
        {
            return true;
        }

        if (!catalog.IsLinked(repository, digest))
        {
            return false;
        }

        links.Set((repository, digest), true);
        return true;
    }

    /// <summary>Links in memory only; the caller records it in the catalog too.</summary>
    public void Link(RepositoryName repository, Digest digest) => links.Set((repository, digest), true);

    /// <summary>Whether the children of a manifest were linked here too, since the start.</summary>
    public bool IsAdopted(RepositoryName repository, Digest manifest) => adopted.TryGet((repository, manifest), out _);

    public void Adopted(RepositoryName repository, Digest manifest) => adopted.Set((repository, manifest), true);

    /// <summary>Links a digest that its upstream has shown to have in this repository. Unwritten, the link in memory serves until it is proven again.</summary>
    public Task LinkProvenAsync(RuleMatch target, Digest digest)
    {
        Link(target.Repository, digest);
        return catalog.LinkAsync(target.Repository, target.Rule.Prefix, digest).OrUnwrittenAsync();
    }

    /// <summary>The size in bytes of a blob that was stored, or null.</summary>
    public long? FindStoredSize(Digest digest)
    {
        if (sizes.TryGet(digest, out var size))
        {
            return size;
        }

        if (catalog.FindBlob(digest) is not { } row)
        {
            return null;
        }

        sizes.Set(digest, row.Size);
        return row.Size;
    }

    public void Stored(Digest digest, long size) => sizes.Set(digest, size);

    /// <summary>Takes a stored blob for known that no catalog row lists; false where it is known already.</summary>
    public bool TryAdopt(Digest digest, long size)
    {
        lock (adopting)
        {
            if (FindStoredSize(digest) is not null)
            {
                return false;
            }

            Stored(digest, size);
            return true;
        }
    }

    public void Forget(Digest digest) => sizes.Remove(digest);
}
