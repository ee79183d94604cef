using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Catalog;

namespace Millpond.Server.Cache.Memory;

/// <summary>Which repositories are this server's own, and what belongs to them, remembered so that a pull asks no database.</summary>
internal sealed class LocalMemory(ContentTable contents)
{
    /// <summary>Entries of about 200 bytes: some 20 MB at most.</summary>
    private const int Links = 100_000;

    /// <summary>Names that were asked for, with those that are none: some 10 MB.</summary>
    private const int Names = 50_000;

    private readonly GenerationCache<RepositoryName, bool> repositories = new(Names, static _ => 1);
    private readonly GenerationCache<(RepositoryName, Digest, LinkKinds), bool> links = new(Links, static _ => 1);

    /// <summary>Whether something was pushed to a repository of this name, or it was made by hand.</summary>
    public ValueTask<bool> HasRepositoryAsync(RepositoryName name) => repositories.TryGet(name, out var has) ? new(has) : ReadRepositoryAsync(name);

    /// <summary>Whether the digest belongs to the repository as this kind, a blob or a manifest.</summary>
    public ValueTask<bool> IsLinkedAsync(RepositoryName name, Digest digest, LinkKinds kind) =>
        links.TryGet((name, digest, kind), out _) ? new(true) : ReadLinkAsync(name, digest, kind);

    /// <summary>Rows of it have changed.</summary>
    public void Forget(ContentChange change)
    {
        if (change.At.Origin != Origin.None)
        {
            return;
        }

        // A name that was none may be one now.
        if (change.IsRepositoryGone || !repositories.TryGet(change.At.Name, out var has) || !has)
        {
            repositories.Remove(change.At.Name);
        }

        foreach (var digest in change.Unlinked)
        {
            links.Remove((change.At.Name, digest, LinkKinds.Blob));
            links.Remove((change.At.Name, digest, LinkKinds.Manifest));
        }
    }

    /// <summary>The digest's row of this link is gone.</summary>
    public void ForgetLink(OriginRepository at, Digest digest)
    {
        if (at.Origin == Origin.None)
        {
            links.Remove((at.Name, digest, LinkKinds.Blob));
            links.Remove((at.Name, digest, LinkKinds.Manifest));
        }
    }

    private async ValueTask<bool> ReadRepositoryAsync(RepositoryName name)
    {
        var asOf = repositories.Removals;
        return repositories.Add(name, await contents.HasRepositoryAsync(name, Origin.None), asOf);
    }

    private async ValueTask<bool> ReadLinkAsync(RepositoryName name, Digest digest, LinkKinds kind)
    {
        var asOf = links.Removals;

        // Only what is there: digests can be made up, and what is pushed later needs not be told here.
        return (await contents.FindKindsAsync(OriginRepository.Own(name), digest)).HasFlag(kind) && links.Add((name, digest, kind), true, asOf);
    }
}
