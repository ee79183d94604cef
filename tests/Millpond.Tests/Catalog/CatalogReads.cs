using Millpond.Images;
using Millpond.Server.Catalog;

namespace Millpond.Tests.Catalog;

/// <summary>The catalog's reads and writes as most tests mean them: of one origin, and without waiting, since SQLite answers at once.</summary>
internal static class CatalogReads
{
    public static Origin AnOrigin { get; } = Origin.Of(new Uri("https://quay.io"), null, null);

    public static OriginRepository At(RepositoryName repository, string? rule = "quay") => new(repository, rule is null ? Origin.None : AnOrigin, rule);

    public static TagRow? FindTag(this CatalogDatabase catalog, RepositoryName repository, string tag) => Now(catalog.FindTagAsync(At(repository), tag));

    public static ManifestRow? FindManifest(this CatalogDatabase catalog, Digest digest) => Now(catalog.FindManifestAsync(digest));

    public static bool IsLinked(this CatalogDatabase catalog, RepositoryName repository, Digest digest) => Now(catalog.IsLinkedAsync(At(repository), digest));

    public static long? FindDescribedSize(this CatalogDatabase catalog, RepositoryName repository, Digest digest) =>
        Now(catalog.FindDescribedSizeAsync(At(repository), digest));

    public static IReadOnlyList<string> ListTags(this CatalogDatabase catalog, RepositoryName repository, string? after, int limit) =>
        Now(catalog.ListTagsAsync(At(repository), after, limit));

    public static IReadOnlyList<RepositoryName> ListRepositories(this CatalogDatabase catalog, string? after, int limit) =>
        [.. Now(catalog.ListRepositoriesAsync(after, limit)).Select(row => row.Name)];

    public static IReadOnlyList<ManifestRow> ListReferrers(this CatalogDatabase catalog, RepositoryName repository, Digest subject) =>
        Now(catalog.ListReferrersAsync(At(repository), subject, null, null, 1000));

    public static BlobRow? FindBlob(this CatalogDatabase catalog, Digest digest) => Now(catalog.FindBlobAsync(digest));

    public static IReadOnlyList<BlobRow> ListBlobs(this CatalogDatabase catalog) => Now(new ValueTask<List<BlobRow>>(catalog.ListBlobsAsync().ToListAsync().AsTask()));

    public static long TotalBlobBytes(this CatalogDatabase catalog) => Now(catalog.TotalBlobBytesAsync());

    public static bool Answers(this CatalogDatabase catalog, out string why)
    {
        why = Now(catalog.FindTroubleAsync()) ?? "";
        return why.Length == 0;
    }

    public static Task PutManifestAsync(
        this CatalogDatabase catalog, RepositoryName repository, string? rule, ManifestRow manifest, ManifestDocument? document, string? tag,
        TagOrigin origin, DateTimeOffset now)
    {
        Assert.Equal(origin == TagOrigin.Pushed, rule is null);
        return catalog.PutManifestAsync(At(repository, rule), manifest, document, tag, now);
    }

    public static Task LinkAsync(this CatalogDatabase catalog, RepositoryName repository, string? rule, Digest digest) =>
        catalog.LinkAsync(At(repository, rule), digest);

    public static Task PutBlobAsync(this CatalogDatabase catalog, Digest digest, long size, RepositoryName? repository, string? rule, DateTimeOffset now) =>
        catalog.PutBlobAsync(digest, size, repository is { } name ? At(name, rule) : null, now);

    public static void RenewTag(this CatalogDatabase catalog, RepositoryName repository, string tag, DateTimeOffset checkedAt) =>
        catalog.RenewTag(At(repository), tag, checkedAt);

    public static Task SetTagAbsentAsync(this CatalogDatabase catalog, RepositoryName repository, string tag, Digest digest, DateTimeOffset? since) =>
        catalog.SetTagAbsentAsync(At(repository), tag, digest, since);

    /// <summary>The value of a read that has ended already, as every read over SQLite has.</summary>
    public static T Now<T>(ValueTask<T> read)
    {
        Assert.True(read.IsCompleted, "a read over SQLite is synchronous");
        return read.GetAwaiter().GetResult();
    }
}
