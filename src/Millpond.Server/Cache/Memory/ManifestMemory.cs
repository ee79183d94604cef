using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Catalog;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// Tag → digest → bytes in memory, bounded, over the catalog. What is not in memory is read from the catalog once. Whoever takes a row away
/// tells it here.
/// </summary>
internal sealed class ManifestMemory(CatalogDatabase catalog, Origins origins)
{
    /// <summary>Bytes of manifests kept: some ten thousand manifests of the usual 2 to 5 kB.</summary>
    private const long Bytes = 48L * 1024 * 1024;

    /// <summary>Tags kept; an entry shares its manifest with the other cache.</summary>
    private const long Tags = 100_000;

    /// <summary>What an entry costs beside its content.</summary>
    private const int Overhead = 512;

    private readonly GenerationCache<Digest, ManifestContent> manifests = new(Bytes, static content => content.Content.Length + Overhead);
    private readonly GenerationCache<(RepositoryName, Origin, string), TagEntry> tags = new(Tags, static _ => 1);

    /// <summary>The tag as its rule's upstream of now has it, or as it was pushed; what a former upstream of the rule said is not known.</summary>
    public ValueTask<TagEntry?> FindTagAsync(RuleMatch target, string tag) => FindTagAsync(origins.Of(target), tag);

    /// <inheritdoc cref="FindTagAsync(RuleMatch, string)"/>
    public ValueTask<TagEntry?> FindTagAsync(OriginRepository at, string tag) =>
        tags.TryGet((at.Name, at.Origin, tag), out var entry) ? new(entry) : ReadTagAsync(at, tag);

    public ValueTask<ManifestContent?> FindManifestAsync(Digest digest) =>
        manifests.TryGet(digest, out var content) ? new(content) : ReadManifestAsync(digest);

    public void SetTag(RuleMatch target, string tag, TagEntry entry)
    {
        var at = origins.Of(target);
        tags.Set((at.Name, at.Origin, tag), entry);
    }

    public void RemoveTag(RuleMatch target, string tag) => ForgetTag(target.Repository, origins.Of(target.Rule), tag);

    public void SetManifest(ManifestContent content) => manifests.Set(content.Digest, content);

    /// <summary>The tag's row is gone.</summary>
    public void ForgetTag(RepositoryName repository, Origin origin, string tag) => tags.Remove((repository, origin, tag));

    /// <summary>The manifest's row is gone.</summary>
    public void ForgetManifest(Digest digest) => manifests.Remove(digest);

    /// <summary>A client has changed the repository.</summary>
    public void Forget(ContentChange change)
    {
        foreach (var tag in change.Tags)
        {
            ForgetTag(change.At.Name, change.At.Origin, tag);
        }

        foreach (var digest in change.Gone)
        {
            ForgetManifest(digest);
        }
    }

    private async ValueTask<TagEntry?> ReadTagAsync(OriginRepository at, string tag)
    {
        var asOf = tags.Removals;
        if (await catalog.FindTagAsync(at, tag) is not { } row || await FindManifestAsync(row.Digest) is not { } manifest)
        {
            return null;
        }

        // A tag that moved since it was read stands as it was set then.
        return tags.Add((at.Name, at.Origin, tag), new TagEntry(manifest, row.Origin, row.CheckedAt, row.AbsentSince), asOf);
    }

    private async ValueTask<ManifestContent?> ReadManifestAsync(Digest digest)
    {
        var asOf = manifests.Removals;
        return await catalog.FindManifestAsync(digest) is { } row
            ? manifests.Add(digest, new ManifestContent(row.Digest, row.MediaType, row.Content), asOf)
            : null;
    }
}
