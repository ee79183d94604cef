using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Expiry;

/// <summary>
/// What lifecycle policies read and change: images with their ages, by pages; those that leave, in small transactions; and how far runs have come.
/// Memory is told of each change as of those that clients make.
/// </summary>
public sealed class LifecycleTable
{
    /// <summary>The kind of settings that policies are kept as, each under its repository's name.</summary>
    public const string PolicyKind = "lifecycle-policy";

    /// <summary>Rows of one page: a fraction of a second of reading.</summary>
    private const int PageSize = 2000;

    // The order of the tables is said: the rows of a repository first, and each of their manifests by its key.
    private const string Images =
        """
        SELECT l.digest, CASE WHEN l.linked_at = 0 THEN m.stored_at ELSE l.linked_at END, m.pulled_at,
          coalesce(l.activated_at, 0), coalesce(l.archived_at, 0), l.kinds, m.size,
          EXISTS (SELECT 1 FROM children c CROSS JOIN links p ON p.digest = c.parent AND p.repository = @repository AND p.origin = @origin
                  WHERE c.digest = l.digest AND c.linked_with_parent = 1 AND (p.kinds & 6) <> 0),
          m.subject IS NOT NULL
            AND EXISTS (SELECT 1 FROM links s CROSS JOIN manifests sm ON sm.digest = s.digest
                        WHERE s.digest = m.subject AND s.repository = @repository AND s.origin = @origin AND (s.kinds & 6) <> 0)
            AND NOT EXISTS (SELECT 1 FROM children o WHERE o.parent = l.digest AND o.digest = m.subject)
        FROM links l CROSS JOIN manifests m ON m.digest = l.digest
        WHERE l.repository = @repository AND l.origin = @origin AND l.digest > @after AND (l.kinds & 6) <> 0 ORDER BY l.digest LIMIT @limit
        """;

    private const string TagPage =
        """
        SELECT tag, digest FROM tags WHERE repository = @repository AND origin = @origin AND tag > @after ORDER BY tag LIMIT @limit
        """;

    private const string ArchivedTagPage =
        """
        SELECT a.tag, a.digest FROM archived_tags a WHERE a.repository = @repository AND a.origin = @origin AND a.tag > @after
          AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = a.repository AND t.tag = a.tag AND t.origin = a.origin) ORDER BY a.tag LIMIT @limit
        """;

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly ContentTable contents;

    internal LifecycleTable(ReadPool reads, CatalogWriter writer, ContentTable contents)
    {
        this.reads = reads;
        this.writer = writer;
        this.contents = contents;
        Held = new(reads, writer);
    }

    /// <summary>What the availability guard has kept.</summary>
    public HeldTable Held { get; }

    /// <summary>The origins that a repository's name has content of.</summary>
    public ValueTask<IReadOnlyList<OriginRepository>> ListOriginsAsync(RepositoryName name) => reads.ReadAsync(connection => connection.ListAsync(
        row => new OriginRepository(name, new(row.GetInt64(0)), row.Text(1)),
        "SELECT origin, rule FROM repositories WHERE name = @name ORDER BY origin",
        new { name = name.ToString() }));

    /// <summary>All images of a repository with their tags, in the order of their digests; no transaction is open for longer than a page.</summary>
    public async Task<IReadOnlyList<LifecycleImage>> ListImagesAsync(OriginRepository at, CancellationToken cancellationToken)
    {
        var images = new List<LifecycleImage>();
        await foreach (var page in PagesAsync(at, ReadImage, Images, image => image.Digest.ToString(), cancellationToken))
        {
            images.AddRange(page);
        }

        var byDigest = images.ToDictionary(image => image.Digest.ToString(), StringComparer.Ordinal);
        foreach (var sql in new[] { TagPage, ArchivedTagPage })
        {
            await foreach (var page in PagesAsync(at, static row => (Tag: row.GetString(0), Digest: row.GetString(1)), sql, row => row.Tag, cancellationToken))
            {
                foreach (var row in page)
                {
                    if (byDigest.TryGetValue(row.Digest, out var image))
                    {
                        Add(image, row.Tag);
                    }
                }
            }
        }

        return images;
    }

    /// <summary>Images of the repository that speak of the digest, some of them.</summary>
    public ValueTask<IReadOnlyList<(Digest Digest, long Size)>> ListFollowersAsync(OriginRepository at, Digest digest, int limit) => reads.ReadAsync(connection => connection.ListAsync(
        static row => (Digest.Parse(row.GetString(0)), row.GetInt64(1)),
        $"SELECT digest, size FROM manifests WHERE digest IN ({LifecycleWrites.Followers})",
        new { repository = at.Name.ToString(), origin = at.Origin.Id, digest = digest.ToString(), limit }));

    /// <summary>The images leave the repository; those that did. What is not as it was decided stays.</summary>
    public Task<IReadOnlyList<Digest>> ExpireAsync(OriginRepository at, IReadOnlyList<Departure> departures, DateTimeOffset now) => ChangeAsync(at, departures, LifecycleWrites.Expire, now);

    /// <summary>The images are archived; those that were.</summary>
    public Task<IReadOnlyList<Digest>> ArchiveAsync(OriginRepository at, IReadOnlyList<Departure> departures, DateTimeOffset now) => ChangeAsync(at, departures, LifecycleWrites.Archive, now);

    /// <summary>An archived image can be pulled again; false where it is not archived.</summary>
    public async Task<bool> RestoreAsync(OriginRepository at, Digest digest, DateTimeOffset now)
    {
        var isRestored = false;
        await contents.WriteAsync(at, connection =>
        {
            isRestored = LifecycleWrites.Restore(connection, at, digest, now);
            return new ContentTable.Written();
        });
        return isRestored;
    }

    /// <summary>Whether a tag or digest is of an archived image.</summary>
    public ValueTask<bool> IsArchivedAsync(OriginRepository at, string reference) => reads.ReadAsync(connection => connection.FindAsync(
        """
        SELECT 1 FROM links WHERE digest = @k0 AND repository = @k1 AND origin = @k2 AND (kinds & 4) <> 0
        UNION ALL SELECT 1 FROM archived_tags WHERE repository = @k1 AND tag = @k0 AND origin = @k2 LIMIT 1
        """,
        _ => true, reference, at.Name.ToString(), at.Origin.Id));

    /// <summary>The archived image that has the tag.</summary>
    public ValueTask<Digest?> FindArchivedAsync(OriginRepository at, string tag) => reads.ReadAsync(connection => connection.FindAsync<Digest?>(
        "SELECT digest FROM archived_tags WHERE repository = @k0 AND tag = @k1 AND origin = @k2", row => Digest.Parse(row.GetString(0)), at.Name.ToString(), tag, at.Origin.Id));

    /// <summary>When a repository's policy was last evaluated; null for never.</summary>
    public ValueTask<DateTimeOffset?> FindEvaluatedAsync(string repository) => reads.ReadAsync(connection => connection.FindAsync<DateTimeOffset?>(
        "SELECT at FROM evaluations WHERE repository = @k0", row => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(0)), repository));

    public Task PutEvaluatedAsync(string repository, DateTimeOffset at) => writer.WriteAsync(connection => connection.Run(
        "INSERT INTO evaluations (repository, at) VALUES (@repository, @at) ON CONFLICT (repository) DO UPDATE SET at = excluded.at",
        new { repository, at = at.ToUnixTimeMilliseconds() }));

    /// <summary>What a run has written down under this name.</summary>
    public ValueTask<string?> FindStateAsync(string name) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT value FROM lifecycle_state WHERE name = @k0", row => row.GetString(0), name));

    /// <param name="value">Null deletes it.</param>
    public Task PutStateAsync(string name, string? value) => writer.WriteAsync(connection => connection.Run(
        value is null
            ? "DELETE FROM lifecycle_state WHERE name = @name"
            : "INSERT INTO lifecycle_state (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        new { name, value }));

    private static void Add(LifecycleImage image, string tag)
    {
        switch (image.Tags)
        {
            case List<string> several:
                several.Add(tag);
                break;
            case [var first]:
                image.Tags = new List<string> { first, tag };
                break;
            default:
                image.Tags = [tag];
                break;
        }
    }

    private async Task<IReadOnlyList<Digest>> ChangeAsync(
        OriginRepository at, IReadOnlyList<Departure> departures, Func<DbConnection, OriginRepository, Departure, List<string>, DateTimeOffset, List<Digest>?> change, DateTimeOffset now)
    {
        List<Digest> gone = [];
        await contents.WriteAsync(at, connection =>
        {
            // A write may be run twice.
            gone = [];
            var tags = new List<string>();
            foreach (var departure in departures)
            {
                gone.AddRange(change(connection, at, departure, tags, now) ?? []);
            }

            return new ContentTable.Written(tags) { Unlinked = gone };
        });
        return gone;
    }

    private async IAsyncEnumerable<IReadOnlyList<T>> PagesAsync<T>(
        OriginRepository at, Func<DbDataReader, T> read, string sql, Func<T, string> key, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var after = ""; ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var from = after;
            var page = await reads.ReadAsync(connection => connection.ListAsync(
                read, sql, new { repository = at.Name.ToString(), origin = at.Origin.Id, after = from, limit = PageSize }));
            yield return page;
            if (page.Count < PageSize)
            {
                yield break;
            }

            after = key(page[^1]);
        }
    }

    /// <summary>Of <see cref="Images"/>.</summary>
    private static LifecycleImage ReadImage(DbDataReader row) => new()
    {
        Digest = Digest.Parse(row.GetString(0)),
        PushedAt = row.GetInt64(1),
        PulledAt = row.GetInt64(2),
        ActivatedAt = row.GetInt64(3),
        ArchivedAt = row.GetInt64(4),
        IsArchived = (row.GetInt64(5) & (long)LinkKinds.Archived) != 0,
        Size = row.GetInt64(6),
        IsListed = row.GetInt64(7) != 0,
        Follows = row.GetInt64(8) != 0,
    };
}
