using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Local;

/// <summary>Pulls of what was pushed here: no upstream has a say in it, and nothing is ever stale.</summary>
public sealed partial class LocalContents
{
    private readonly CatalogDatabase catalog;
    private readonly BlobStore store;
    private readonly LocalMemory local;
    private readonly ManifestMemory manifests;
    private readonly LinkMemory known;
    private readonly TimeProvider time;
    private readonly ILogger<LocalContents> log;

    /// <summary>What was said to be lost, once: whoever pulls it asks again and again.</summary>
    private readonly GenerationCache<(RepositoryName, Digest), bool> lost = new(1000, static _ => 1);

    internal LocalContents(
        CatalogDatabase catalog, BlobStore store, LocalMemory local, ManifestMemory manifests, LinkMemory known, TimeProvider time, ILogger<LocalContents> log)
    {
        this.catalog = catalog;
        this.store = store;
        this.local = local;
        this.manifests = manifests;
        this.known = known;
        this.time = time;
        this.log = log;
    }

    /// <summary>Whether there is a repository of this name that is no cache; completes synchronously where it is remembered.</summary>
    public ValueTask<bool> HasRepositoryAsync(RepositoryName name) => local.HasRepositoryAsync(name);

    /// <summary>A manifest by tag or digest.</summary>
    /// <param name="isHead">Whether it is only asked for: that is no last pull.</param>
    public async ValueTask<PullResult<ManifestContent>> GetManifestAsync(RepositoryName name, string reference, bool isHead = false)
    {
        var content = reference.Contains(':') && Digest.TryParse(reference, out var digest)
            ? await FindByDigestAsync(name, digest)
            : (await manifests.FindTagAsync(OriginRepository.Own(name), reference))?.Manifest;
        if (content is null)
        {
            return await catalog.Lifecycle.IsArchivedAsync(OriginRepository.Own(name), reference)
                ? new PullFailure(PullFailureKind.ManifestUnknown, "it is archived; restore it with UpdateImageStorageClass, or push it again")
                : Absent(PullFailureKind.ManifestUnknown);
        }

        if (!isHead)
        {
            catalog.Touch(content.Digest, time.GetUtcNow());
        }

        return new PullResult<ManifestContent>(content, CacheStatus.Hit, null);
    }

    /// <summary>A blob. The caller disposes it.</summary>
    public async ValueTask<PullResult<BlobContent>> GetBlobAsync(RepositoryName name, Digest digest)
    {
        if (await OpenAsync(name, digest) is not { } blob)
        {
            return Absent(PullFailureKind.BlobUnknown);
        }

        catalog.Touch(digest, time.GetUtcNow());
        return new PullResult<BlobContent>(new StoredContent(blob), CacheStatus.Hit, null);
    }

    /// <summary>A blob's length.</summary>
    public async ValueTask<PullResult<BlobHead>> HeadBlobAsync(RepositoryName name, Digest digest)
    {
        using var blob = await OpenAsync(name, digest);
        if (blob is not null)
        {
            // Whoever asks may be about to push what names it, and must find it then.
            catalog.Renew(name, digest, time.GetUtcNow());
        }

        return blob is null ? Absent(PullFailureKind.BlobUnknown) : new PullResult<BlobHead>(new BlobHead(blob.Length), CacheStatus.Hit, null);
    }

    /// <summary>Tags after <paramref name="last"/>, at most <paramref name="limit"/>.</summary>
    public async ValueTask<PullResult<TagList>> ListTagsAsync(RepositoryName name, string? last, int limit)
    {
        var tags = await catalog.ListTagsAsync(OriginRepository.Own(name), last, limit + 1);
        return new PullResult<TagList>(new TagList([.. tags.Take(limit)], tags.Count > limit, null), CacheStatus.Hit, null);
    }

    /// <summary>Referrers of a digest after <paramref name="last"/>, at most <paramref name="limit"/>; the digest itself need not be here.</summary>
    /// <param name="type">Only those of this artifact type; null for all.</param>
    public async ValueTask<PullResult<ReferrersList>> ListReferrersAsync(RepositoryName name, Digest subject, string? type, string? last, int limit)
    {
        var found = await catalog.ListReferrersAsync(OriginRepository.Own(name), subject, last, type, limit + 1);
        var page = found.Take(limit).Select(static row => new ReferrerDescriptor(row.Digest.ToString(), ReferrerJson.Describe(row)));
        return new PullResult<ReferrersList>(new ReferrersList([.. page], found.Count > limit, null), CacheStatus.Hit, null);
    }

    private static PullFailure Absent(PullFailureKind kind) => new(kind, "");

    private async ValueTask<ManifestContent?> FindByDigestAsync(RepositoryName name, Digest digest) =>
        await local.IsLinkedAsync(name, digest, LinkKinds.Manifest) ? await manifests.FindManifestAsync(digest) : null;

    /// <summary>
    /// Null where the repository has it not, and where its file is lost or cut: whoever pushes it again must be told that it is not here, and
    /// brings it back so.
    /// </summary>
    private async ValueTask<StoredBlob?> OpenAsync(RepositoryName name, Digest digest)
    {
        if (!await local.IsLinkedAsync(name, digest, LinkKinds.Blob) || await known.FindStoredSizeAsync(digest) is not { } size)
        {
            return null;
        }

        var blob = store.TryOpen(digest, size);
        if (blob is null && !lost.TryGet((name, digest), out _))
        {
            lost.Set((name, digest), true);
            Log.Lost(log, digest, name);
        }

        return blob;
    }

    private static partial class Log
    {
        [LoggerMessage(1701, LogLevel.Error, "{Digest} was pushed to {Repository}, but its file is missing, cut or cannot be opened: push it again, or restore it from a copy")]
        public static partial void Lost(ILogger logger, Digest digest, RepositoryName repository);
    }
}
