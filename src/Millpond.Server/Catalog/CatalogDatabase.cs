using System.Data.Common;
using System.Text;
using Dapper;
using Microsoft.Extensions.Logging;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>
/// What is known about the stored bytes: repositories, tags, manifests, links, blobs, and upstream documents kept for outages. Reads are
/// cheap and see whole transactions; the task of a write ends when it is committed, and fails with <see cref="CatalogUnwrittenException"/>
/// where the disk is full.
/// </summary>
public sealed partial class CatalogDatabase : IAsyncDisposable
{
    /// <summary>How long a check time or a last pull waits at most before it is written.</summary>
    private static readonly TimeSpan FlushEvery = TimeSpan.FromSeconds(30);

    private readonly DbDataSource source;
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly DeferredTimes deferred = new();
    private readonly ITimer flushing;
    private readonly ILogger<CatalogDatabase> log;
    private int disposed;

    private CatalogDatabase(DbDataSource source, ReadPool reads, CatalogWriter writer, TimeProvider time, ILogger<CatalogDatabase> log)
    {
        this.source = source;
        this.reads = reads;
        this.writer = writer;
        this.log = log;
        flushing = time.CreateTimer(_ => FlushLater(), null, FlushEvery, FlushEvery);
    }

    /// <summary>Opens the catalog of a data folder, making or migrating it where needed.</summary>
    /// <exception cref="CatalogUnusableException">It is damaged, written by a newer program, or cannot be opened; the message says what to do.</exception>
    public static CatalogDatabase Open(string folder, TimeProvider time, ILogger<CatalogDatabase> log) => Open(folder, Dialect.Sqlite, time, log);

    internal static CatalogDatabase Open(string folder, Dialect dialect, TimeProvider time, ILogger<CatalogDatabase> log)
    {
        var path = Path.Join(folder, "catalog.db");
        var source = Dialect.OpenSqlite(path);
        DbConnection? connection = null;
        try
        {
            connection = source.OpenConnection();
            dialect.SetUp(connection, reader: false);
            var found = CatalogSchema.Migrate(connection, path, dialect);
            if (found < CatalogSchema.Current)
            {
                Log.Migrated(log, path, found, CatalogSchema.Current);
            }
        }
        catch (Exception failure) when (failure is DbException or CatalogUnusableException)
        {
            connection?.Dispose();
            source.Dispose();
            throw failure switch
            {
                CatalogUnusableException => failure,
                _ when dialect.IsDamaged(failure) => CatalogUnusableException.Damaged(path, failure),
                _ => CatalogUnusableException.CannotOpen(path, failure),
            };
        }

        return new(source, new(source, dialect), new(connection, dialect, path, time, log), time, log);
    }

    public TagRow? FindTag(RepositoryName repository, string tag)
    {
        var row = reads.Read(connection => connection.Find(
            "SELECT digest, pushed, checked_at, absent_since FROM tags WHERE repository = @k0 AND tag = @k1",
            row => new TagRow(
                repository, tag, Digest.Parse(row.GetString(0)), row.GetInt64(1) == 0 ? TagOrigin.Pulled : TagOrigin.Pushed,
                Time(row.GetInt64(2)), row.IsDBNull(3) ? null : Time(row.GetInt64(3))),
            repository.ToString(), tag));
        return row is null ? null : deferred.Over(row);
    }

    public ManifestRow? FindManifest(Digest digest) => reads.Read(connection => connection.Find(
        "SELECT m.media_type, b.content FROM manifests m JOIN manifest_bytes b ON b.digest = m.digest WHERE m.digest = @k0",
        row => new ManifestRow(digest, row.GetString(0), row.GetFieldValue<byte[]>(1)),
        digest.ToString()));

    public bool IsLinked(RepositoryName repository, Digest digest) => reads.Read(connection => connection.Find(
        "SELECT 1 FROM links WHERE repository = @k0 AND digest = @k1", _ => true, repository.ToString(), digest.ToString()));

    /// <summary>The size that a manifest linked in this repository gives for this digest: nobody else's manifest can lie about it.</summary>
    public long? FindDescribedSize(RepositoryName repository, Digest digest) => reads.Read(connection => connection.Find<long?>(
        """
        SELECT c.size FROM children c JOIN links l ON l.digest = c.parent
        WHERE c.digest = @k0 AND l.repository = @k1 ORDER BY c.size LIMIT 1
        """,
        row => row.GetInt64(0), digest.ToString(), repository.ToString()));

    /// <summary>Tags after <paramref name="after"/>, in the order of their bytes.</summary>
    public IReadOnlyList<string> ListTags(RepositoryName repository, string? after, int limit) => reads.Read(connection =>
        connection.Connection.Query<string>(
            "SELECT tag FROM tags WHERE repository = @repository AND tag > @after ORDER BY tag LIMIT @limit",
            new { repository = repository.ToString(), after = after ?? "", limit }).AsList());

    /// <summary>Repositories after <paramref name="after"/>, in the order of their bytes.</summary>
    public IReadOnlyList<RepositoryName> ListRepositories(string? after, int limit) => reads.Read(connection =>
        connection.Connection.Query<string>(
            "SELECT name FROM repositories WHERE name > @after ORDER BY name LIMIT @limit", new { after = after ?? "", limit })
        .Select(RepositoryName.Parse).ToArray());

    /// <summary>The stored manifests linked in the repository whose subject is this digest.</summary>
    public IReadOnlyList<ManifestRow> ListReferrers(RepositoryName repository, Digest subject) => reads.Read(connection =>
        connection.Connection.Query<(string Digest, string MediaType, byte[] Content)>(
            """
            SELECT m.digest, m.media_type, b.content
            FROM manifests m
            JOIN links l ON l.repository = @repository AND l.digest = m.digest
            JOIN manifest_bytes b ON b.digest = m.digest
            WHERE m.subject = @subject ORDER BY m.digest
            """,
            new { repository = repository.ToString(), subject = subject.ToString() })
        .Select(row => new ManifestRow(Digest.Parse(row.Digest), row.MediaType, row.Content)).ToArray());

    public ListRow? FindList(RepositoryName repository, string key) => reads.Read(connection => connection.Find(
        "SELECT content, checked_at FROM lists WHERE repository = @k0 AND key = @k1",
        row => new ListRow(row.GetFieldValue<byte[]>(0), Time(row.GetInt64(1))),
        repository.ToString(), key));

    /// <summary>Whether a kept document about the repository names the digest.</summary>
    public bool IsListed(RepositoryName repository, Digest digest)
    {
        var text = Encoding.ASCII.GetBytes(digest.ToString());
        return reads.Read(connection => connection.Connection.Query<byte[]>(
            "SELECT content FROM lists WHERE repository = @repository", new { repository = repository.ToString() }, buffered: false)
            .Any(content => content.AsSpan().IndexOf(text) >= 0));
    }

    public BlobRow? FindBlob(Digest digest)
    {
        var row = reads.Read(connection => connection.Find(
            "SELECT size, stored_at, pulled_at FROM blobs WHERE digest = @k0",
            row => new BlobRow(digest, row.GetInt64(0), Time(row.GetInt64(1)), Time(row.GetInt64(2))),
            digest.ToString()));
        return row is null ? null : deferred.Over(row);
    }

    /// <summary>All blobs, read page by page, so that a slow reader keeps no transaction open.</summary>
    public IEnumerable<BlobRow> ListBlobs()
    {
        const int PageSize = 1000;
        for (var after = ""; ;)
        {
            var page = Blobs("WHERE digest > @after ORDER BY digest", after, PageSize);
            foreach (var row in page)
            {
                yield return row;
            }

            if (page.Length < PageSize)
            {
                yield break;
            }

            after = page[^1].Digest.ToString();
        }
    }

    /// <summary>The blobs to evict first, in their order.</summary>
    public IReadOnlyList<BlobRow> LeastRecentlyPulled(int limit)
    {
        // A blob with a pull that is not written yet is further back than the database says; so many more are read.
        var rows = Blobs("ORDER BY pulled_at, digest", "", (long)limit + deferred.PullCount);
        return [.. rows.OrderBy(row => row.PulledAt).Take(limit)];
    }

    public long TotalBlobBytes() => reads.Read(connection => connection.Find(
        "SELECT value FROM totals WHERE name = 'blob_bytes'", row => row.GetInt64(0)));

    /// <summary>
    /// One transaction: the repository, the manifest's bytes, what it says of its children, the links of the manifest and its children,
    /// and the tag where one is given. Durable where it was pushed.
    /// </summary>
    /// <param name="rule">The prefix of the rule it was pulled by; null where it was pushed.</param>
    /// <param name="isIncomplete">Whether it is an index whose other children are to be fetched; <see cref="SetCompleteAsync"/> ends that.</param>
    public Task PutManifestAsync(
        RepositoryName repository, string? rule, ManifestRow manifest, ManifestDocument? document, string? tag, TagOrigin origin, DateTimeOffset now,
        bool isIncomplete = false) =>
        writer.WriteAsync(
            connection =>
            {
                CatalogWrites.PutRepository(connection, repository, rule);
                CatalogWrites.PutManifest(connection, manifest, document, now);
                CatalogWrites.PutLink(connection, repository, manifest.Digest);
                CatalogWrites.PutChildLinks(connection, repository, manifest.Digest);
                if (isIncomplete)
                {
                    CatalogWrites.PutIncomplete(connection, repository, manifest.Digest);
                }

                if (tag is not null)
                {
                    CatalogWrites.PutTag(connection, repository, tag, manifest.Digest, origin, now);
                    deferred.ForgetCheck(repository, tag, now);
                }
            },
            durable: origin == TagOrigin.Pushed);

    /// <summary>Indexes whose other children are still to be fetched.</summary>
    public IReadOnlyList<(RepositoryName Repository, Digest Index)> ListIncomplete() => reads.Read(connection =>
        connection.Connection.Query<(string Repository, string Digest)>("SELECT repository, digest FROM incomplete ORDER BY repository, digest")
        .Select(row => (RepositoryName.Parse(row.Repository), Digest.Parse(row.Digest))).ToArray());

    /// <summary>Nothing of the index is to be fetched any more.</summary>
    public Task SetCompleteAsync(RepositoryName repository, Digest index) =>
        writer.WriteAsync(connection => CatalogWrites.RemoveIncomplete(connection, repository, index));

    /// <summary>The digest is proved to belong to the repository.</summary>
    public Task LinkAsync(RepositoryName repository, string? rule, Digest digest) => writer.WriteAsync(connection =>
    {
        CatalogWrites.PutRepository(connection, repository, rule);
        CatalogWrites.PutLink(connection, repository, digest);
    });

    /// <summary>The blob's bytes are in the store.</summary>
    /// <param name="repository">Where it was pulled; null for bytes that were found in the store, of which nobody knows where they belong.</param>
    public Task PutBlobAsync(Digest digest, long size, RepositoryName? repository, string? rule, DateTimeOffset now) => writer.WriteAsync(connection =>
    {
        CatalogWrites.PutBlob(connection, digest, size, now);
        if (repository is { } name)
        {
            CatalogWrites.PutRepository(connection, name, rule);
            CatalogWrites.PutLink(connection, name, digest);
        }
    });

    /// <summary>The blob's bytes are gone from the store. Its links stay: it still belongs where it belonged.</summary>
    public Task RemoveBlobAsync(Digest digest) => writer.WriteAsync(connection => CatalogWrites.RemoveBlob(connection, digest));

    /// <summary>Upstream says the tag still means its digest. Seen by readers at once, written within a minute.</summary>
    public void RenewTag(RepositoryName repository, string tag, DateTimeOffset checkedAt) => deferred.Checked(repository, tag, checkedAt);

    /// <summary>A blob or manifest was pulled. Seen by readers at once, written within a minute.</summary>
    public void Touch(Digest digest, DateTimeOffset pulledAt) => deferred.Pulled(digest, pulledAt);

    public Task SetTagAbsentAsync(RepositoryName repository, string tag, DateTimeOffset? since) =>
        writer.WriteAsync(connection => CatalogWrites.SetTagAbsent(connection, repository, tag, since));

    public Task DeleteTagAsync(RepositoryName repository, string tag) =>
        writer.WriteAsync(connection => CatalogWrites.DeleteTag(connection, repository, tag));

    /// <summary>Keeps an upstream's document for outages.</summary>
    /// <param name="key"><c>tags</c>, or <c>referrers:</c> and a digest.</param>
    public Task PutListAsync(RepositoryName repository, string? rule, string key, ReadOnlyMemory<byte> content, DateTimeOffset checkedAt) =>
        writer.WriteAsync(connection =>
        {
            CatalogWrites.PutRepository(connection, repository, rule);
            CatalogWrites.PutList(connection, repository, key, content, checkedAt);
        });

    /// <summary>Whether it can be read, and could last be written; a full disk is no failure, pulls go on.</summary>
    public bool Answers(out string why)
    {
        try
        {
            TotalBlobBytes();
            why = writer.Trouble is { } trouble ? $"The catalog could not be written: {trouble}" : "";
        }
        catch (Exception failure) when (failure is DbException or ObjectDisposedException)
        {
            why = $"The catalog cannot be read: {failure.Message}";
        }

        return why.Length == 0;
    }

    /// <summary>Writes what waits and closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }

        await flushing.DisposeAsync();
        await FlushAsync();
        reads.Dispose();
        await writer.EndAsync();
        await source.DisposeAsync();
    }

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private BlobRow[] Blobs(string range, string after, long limit) => reads.Read(connection =>
        connection.Connection.Query<(string Digest, long Size, long StoredAt, long PulledAt)>(
            $"SELECT digest, size, stored_at, pulled_at FROM blobs {range} LIMIT @limit", new { after, limit })
        .Select(row => deferred.Over(new BlobRow(Digest.Parse(row.Digest), row.Size, Time(row.StoredAt), Time(row.PulledAt)))).ToArray());

    private void FlushLater() => _ = FlushAsync();

    private async Task FlushAsync()
    {
        if (deferred.IsEmpty)
        {
            return;
        }

        try
        {
            await deferred.FlushAsync(writer);
        }
        catch (CatalogUnwrittenException)
        {
            // The writer has logged it; what waits still waits, for the next time.
        }
        catch (Exception failure) when (failure is DbException or ObjectDisposedException)
        {
            Log.NotFlushed(log, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The catalog {Path} was brought from schema {From} to {To}.")]
        public static partial void Migrated(ILogger logger, string path, long from, long to);

        [LoggerMessage(2, LogLevel.Warning, "Check times and last pulls could not be written to the catalog; they are tried again.")]
        public static partial void NotFlushed(ILogger logger, Exception exception);
    }
}
