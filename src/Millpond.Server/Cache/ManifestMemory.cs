using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Server.Cache;

/// <summary>Tag → digest → bytes in memory, bounded, over the catalog. What is not in memory is read from the catalog once.</summary>
internal sealed class ManifestMemory(CatalogDatabase catalog)
{
    /// <summary>Bytes of manifests kept: some ten thousand manifests of the usual 2 to 5 kB.</summary>
    private const long Bytes = 48L * 1024 * 1024;

    /// <summary>Tags kept; an entry shares its manifest with the other cache.</summary>
    private const long Tags = 100_000;

    /// <summary>What an entry costs beside its content.</summary>
    private const int Overhead = 512;

    private readonly GenerationCache<Digest, ManifestContent> manifests = new(Bytes, static content => content.Content.Length + Overhead);
    private readonly GenerationCache<(RepositoryName, string), TagEntry> tags = new(Tags, static _ => 1);

    public TagEntry? FindTag(RepositoryName repository, string tag)
    {
        if (tags.TryGet((repository, tag), out var entry))
        {
            return entry;
        }

        if (catalog.FindTag(repository, tag) is not { } row || FindManifest(row.Digest) is not { } manifest)
        {
            return null;
        }

        // A tag that moved since it was read stands as it was set then.
        return tags.Add((repository, tag), new TagEntry(manifest, row.Origin, row.CheckedAt, row.AbsentSince));
    }

    public ManifestContent? FindManifest(Digest digest)
    {
        if (manifests.TryGet(digest, out var content))
        {
            return content;
        }

        if (catalog.FindManifest(digest) is not { } row)
        {
            return null;
        }

        return manifests.Add(digest, new ManifestContent(row.Digest, row.MediaType, row.Content));
    }

    public void SetTag(RepositoryName repository, string tag, TagEntry entry) => tags.Set((repository, tag), entry);

    public void RemoveTag(RepositoryName repository, string tag) => tags.Remove((repository, tag));

    public void SetManifest(ManifestContent content) => manifests.Set(content.Digest, content);
}
