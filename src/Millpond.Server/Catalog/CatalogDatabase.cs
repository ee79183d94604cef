using System.Data.Common;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

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
    private readonly DeferredTimes deferred;
    private readonly Recurring flushing;
    private readonly TimeProvider time;
    private readonly ILogger<CatalogDatabase> log;
    private long recordedBytes;
    private int disposed;

    private CatalogDatabase(
        DbDataSource source, Dialect dialect, DbConnection connection, string path, TimeProvider time, ILogger<CatalogDatabase> log)
    {
        this.source = source;
        this.time = time;
        this.log = log;
        StoredBytes = connection.FindNumber("SELECT value FROM totals WHERE name = 'blob_bytes'") ?? 0;
        recordedBytes = CatalogWrites.RecordedBytes(connection);
        Origins = [.. connection.Rows(
            static row => new OriginRow(new(row.GetInt64(0)), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4)),
            "SELECT id, upstream, prefix, source, who FROM origins ORDER BY seen_at DESC, id")];
        reads = new(source, dialect);
        writer = new(connection, dialect, path, time, log);
        deferred = new(time);
        Lists = new(reads, writer, SetRecorded);
        Contents = new(reads, writer, SetRecorded, (at, digest, tags) => Arrived?.Invoke(at, digest, tags));
        Incomplete = new(reads, writer);
        Order = new(reads, writer, () => deferred.FlushAsync(writer), SetRecorded);
        Control = new(reads, writer);
        Lifecycle = new(reads, writer, Contents);
        Collection = new(reads, writer, SetRecorded);
        flushing = new(time, FlushEvery, FlushAndSweepAsync);
    }

    /// <summary>Upstreams' tag lists and referrers.</summary>
    public ListTable Lists { get; }

    /// <summary>What clients push and delete.</summary>
    public ContentTable Contents { get; }

    /// <summary>What is still to be fetched in the background.</summary>
    public IncompleteTable Incomplete { get; }

    /// <summary>What goes first when room is needed.</summary>
    public EvictionOrder Order { get; }

    /// <summary>What the control plane keeps.</summary>
    public ControlTables Control { get; }

    /// <summary>What lifecycle policies read and change.</summary>
    public LifecycleTable Lifecycle { get; }
    /// <summary>What is of no use any more, and what is kept from eviction.</summary>
    public CollectionTables Collection { get; }

    /// <summary>Told of each manifest that a repository got, with its tags, after the commit and on the thread that writes.</summary>
    public Action<OriginRepository, Digest, IReadOnlyList<string>>? Arrived { get; set; }

    /// <summary>What is set on repositories that a pull or a push makes.</summary>
    public NewRepositories NewRepositories => writer.Repositories;

    /// <summary>The origins that were in use before this start, the last first.</summary>
    public IReadOnlyList<OriginRow> Origins { get; }

    /// <summary>The bytes of all blobs that were listed when the catalog was opened; the store counts on from there.</summary>
    public long StoredBytes { get; }

    /// <summary>What manifests and lists take; they count against the limit of the store.</summary>
    public long RecordedBytes => Volatile.Read(ref recordedBytes);

    /// <summary>Called after manifests or lists took more room.</summary>
    public Action? Grown { get; set; }

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
            Dialect.MakePrivate(path);
            connection = source.OpenConnection();
            dialect.SetUpWriter(connection);
            var found = CatalogSchema.Migrate(connection, path, dialect);
            if (found == 0)
            {
                Log.Made(log, path);
            }
            else if (found < CatalogSchema.Current)
            {
                Log.Migrated(log, path, found, CatalogSchema.Current);
            }

            return new(source, dialect, connection, path, time, log);
        }
        catch (Exception failure) when (failure is DbException or CatalogUnusableException or IOException or UnauthorizedAccessException)
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
    }

    /// <summary>A tag of this origin, or one that was pushed.</summary>
    public async ValueTask<TagRow?> FindTagAsync(OriginRepository at, string tag)
    {
        var row = await reads.ReadAsync(connection => connection.FindAsync(
            """
            SELECT digest, origin, checked_at, absent_since FROM tags
            WHERE repository = @k0 AND tag = @k1 AND (origin = @k2 OR origin = 0) ORDER BY CASE WHEN origin = 0 THEN 0 ELSE 1 END LIMIT 1
            """,
            row => new TagRow(
                tag, Digest.Parse(row.GetString(0)), row.GetInt64(1) == Origin.None.Id ? TagOrigin.Pushed : TagOrigin.Pulled,
                Times.Of(row.GetInt64(2)), row.IsDBNull(3) ? null : Times.Of(row.GetInt64(3))),
            at.Name.ToString(), tag, at.Origin.Id));
        return row is null ? null : deferred.Over(at, row);
    }

    public ValueTask<ManifestRow?> FindManifestAsync(Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT m.media_type, b.content FROM manifests m JOIN manifest_bytes b ON b.digest = m.digest WHERE m.digest = @k0",
        row => new ManifestRow(digest, row.GetString(0), row.GetFieldValue<byte[]>(1)),
        digest.ToString()));

    /// <summary>Whether the digest belongs to the repository by this origin, or by a push.</summary>
    public ValueTask<bool> IsLinkedAsync(OriginRepository at, Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT 1 FROM links WHERE digest = @k0 AND repository = @k1 AND (origin = @k2 OR origin = 0) AND (kinds & 3) <> 0 LIMIT 1",
        _ => true, digest.ToString(), at.Name.ToString(), at.Origin.Id));

    /// <summary>Whether any repository has the digest by this origin.</summary>
    public ValueTask<bool> IsLinkedAsync(Origin origin, Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT 1 FROM links WHERE digest = @k0 AND origin = @k1 LIMIT 1", _ => true, digest.ToString(), origin.Id));

    /// <summary>The size that a manifest linked in this repository gives for this digest: nobody else's manifest can lie about it.</summary>
    public ValueTask<long?> FindDescribedSizeAsync(OriginRepository at, Digest digest) => reads.ReadAsync(connection => connection.FindAsync<long?>(
        """
        SELECT c.size FROM children c JOIN links l ON l.digest = c.parent
        WHERE c.digest = @k0 AND l.repository = @k1 AND (l.origin = @k2 OR l.origin = 0) ORDER BY c.size LIMIT 1
        """,
        row => row.GetInt64(0), digest.ToString(), at.Name.ToString(), at.Origin.Id));

    /// <summary>Tags after <paramref name="after"/>, in the order of their bytes.</summary>
    public ValueTask<IReadOnlyList<string>> ListTagsAsync(OriginRepository at, string? after, int limit) => reads.ReadAsync(connection =>
        connection.ListTextsAsync(
            "SELECT DISTINCT tag FROM tags WHERE repository = @repository AND tag > @after AND (origin = @origin OR origin = 0) ORDER BY tag LIMIT @limit",
            new { repository = at.Name.ToString(), origin = at.Origin.Id, after = after ?? "", limit }));

    /// <summary>Repositories with each of their origins, in the order of the bytes of their names.</summary>
    /// <param name="after">The last name of the page before; all of its origins are over.</param>
    public ValueTask<IReadOnlyList<OriginRepository>> ListRepositoriesAsync(string? after, int limit) => ListRepositoriesAsync(after, Origin.Last, limit);

    /// <inheritdoc cref="ListRepositoriesAsync(string, int)"/>
    /// <param name="origin">The last origin of that name that is over.</param>
    public ValueTask<IReadOnlyList<OriginRepository>> ListRepositoriesAsync(string? after, Origin origin, int limit) =>
        reads.ReadAsync(connection => connection.ListAsync(
            static row => new OriginRepository(RepositoryName.Parse(row.GetString(0)), new(row.GetInt64(1)), row.Text(2)),
            "SELECT name, origin, rule FROM repositories WHERE (name, origin) > (@after, @origin) ORDER BY name, origin LIMIT @limit",
            new { after = after ?? "", origin = origin.Id, limit }));

    /// <summary>Stored manifests linked in the repository whose subject is this digest, after a digest, in the order of theirs.</summary>
    /// <param name="type">Only those of this artifact type; null for all.</param>
    public ValueTask<IReadOnlyList<ManifestRow>> ListReferrersAsync(OriginRepository at, Digest subject, string? after, string? type, int limit) =>
        reads.ReadAsync(connection => connection.ListAsync(
            static row => new ManifestRow(Digest.Parse(row.GetString(0)), row.GetString(1), row.GetFieldValue<byte[]>(2)),
            $"""
            SELECT m.digest, m.media_type, b.content
            FROM manifests m
            JOIN manifest_bytes b ON b.digest = m.digest
            WHERE m.subject = @subject AND m.digest > @after {(type is null ? "" : "AND m.artifact_type = @type")}
              AND EXISTS (SELECT 1 FROM links l WHERE l.digest = m.digest AND l.repository = @repository AND (l.origin = @origin OR l.origin = 0))
            ORDER BY m.digest LIMIT @limit
            """,
            new { repository = at.Name.ToString(), origin = at.Origin.Id, subject = subject.ToString(), after = after ?? "", type, limit }));

    public async ValueTask<BlobRow?> FindBlobAsync(Digest digest)
    {
        var row = await reads.ReadAsync(connection => connection.FindAsync(
            "SELECT size, stored_at, pulled_at FROM blobs WHERE digest = @k0",
            row => new BlobRow(digest, row.GetInt64(0), Times.Of(row.GetInt64(1)), Times.Of(row.GetInt64(2))),
            digest.ToString()));
        return row is null ? null : deferred.Over(row);
    }

    /// <summary>All blobs, read page by page, so that a slow reader keeps no transaction open.</summary>
    public async IAsyncEnumerable<BlobRow> ListBlobsAsync()
    {
        const int PageSize = 1000;
        for (var after = ""; ;)
        {
            var from = after;
            var page = await reads.ReadAsync(connection => connection.ListAsync(
                static row => new BlobRow(Digest.Parse(row.GetString(0)), row.GetInt64(1), Times.Of(row.GetInt64(2)), Times.Of(row.GetInt64(3))),
                "SELECT digest, size, stored_at, pulled_at FROM blobs WHERE digest > @from ORDER BY digest LIMIT @limit", new { from, limit = PageSize }));
            foreach (var row in page)
            {
                yield return deferred.Over(row);
            }

            if (page.Count < PageSize)
            {
                yield break;
            }

            after = page[^1].Digest.ToString();
        }
    }

    public ValueTask<long> TotalBlobBytesAsync() =>
        reads.ReadAsync(connection => connection.FindAsync("SELECT value FROM totals WHERE name = 'blob_bytes'", row => row.GetInt64(0)));

    /// <summary>
    /// One transaction: the repository, the manifest's bytes, what it says of its children, the links of the manifest and its children,
    /// and the tag where one is given. Durable where it was pushed.
    /// </summary>
    /// <param name="isIncomplete">Whether it is an index whose other children are to be fetched; <see cref="IncompleteTable.RemoveAsync"/> ends that.</param>
    public Task PutManifestAsync(
        OriginRepository at, ManifestRow manifest, ManifestDocument? document, string? tag, DateTimeOffset now, bool isIncomplete = false)
    {
        var recorded = 0L;
        return writer.WriteAsync(
            connection =>
            {
                writer.Repositories.Put(connection, at);
                CatalogWrites.PutManifest(connection, manifest, document, now);
                CatalogWrites.PutLink(connection, at, manifest.Digest, now);
                if (isIncomplete)
                {
                    CatalogWrites.PutIncomplete(connection, at.Name, manifest.Digest);
                }

                if (tag is not null)
                {
                    CatalogWrites.PutTag(connection, at, tag, manifest.Digest, now);
                }

                recorded = CatalogWrites.RecordedBytes(connection);
            },
            durable: at.Origin == Origin.None,
            committed: () =>
            {
                if (tag is not null)
                {
                    deferred.ForgetCheck(at, tag, now);
                }

                SetRecorded(recorded);
                Arrived?.Invoke(at, manifest.Digest, tag is null ? [] : [tag]);
            });
    }

    /// <summary>This origin is in use.</summary>
    public Task PutOriginAsync(OriginRow row, DateTimeOffset now) => writer.WriteAsync(connection => CatalogWrites.PutOrigin(connection, row, now));

    /// <summary>The digest is proved to belong to the repository.</summary>
    public Task LinkAsync(OriginRepository at, Digest digest) => writer.WriteAsync(connection =>
    {
        writer.Repositories.Put(connection, at);
        CatalogWrites.PutLink(connection, at, digest, time.GetUtcNow());
    });

    /// <summary>The blob's bytes are in the store.</summary>
    /// <param name="at">Where it was pulled; null for bytes that were found in the store, of which nobody knows where they belong.</param>
    public Task PutBlobAsync(Digest digest, long size, OriginRepository? at, DateTimeOffset now) => writer.WriteAsync(connection =>
    {
        CatalogWrites.PutBlob(connection, digest, size, now);
        if (at is { } home)
        {
            writer.Repositories.Put(connection, home);
            CatalogWrites.PutLink(connection, home, digest, now);
        }
    });

    /// <summary>The blob's bytes are gone from the store. Its links stay: it still belongs where it belonged.</summary>
    public Task RemoveBlobAsync(Digest digest) => writer.WriteAsync(connection => CatalogWrites.RemoveBlob(connection, digest));

    /// <summary>Upstream says the tag still means its digest. Seen by readers at once, written within a minute.</summary>
    public void RenewTag(OriginRepository at, string tag, DateTimeOffset checkedAt) => deferred.Checked(at, tag, checkedAt);

    /// <summary>A blob or manifest was pulled. Seen by eviction at once, written within a minute.</summary>
    public void Touch(Digest digest, DateTimeOffset pulledAt) => deferred.Pulled(digest, pulledAt);

    /// <summary>A pushed blob was asked for by one who may be about to push what names it. Written within a minute, and before collection looks.</summary>
    public void Renew(RepositoryName repository, Digest digest, DateTimeOffset at) => deferred.Renewed(repository, digest, at);

    /// <param name="digest">What the tag means; one that has moved meanwhile is left alone.</param>
    public Task SetTagAbsentAsync(OriginRepository at, string tag, Digest digest, DateTimeOffset? since) =>
        writer.WriteAsync(connection => CatalogWrites.SetTagAbsent(connection, at, tag, digest, since));

    /// <param name="digest">What the tag means; one that has moved meanwhile is left alone.</param>
    public Task DeleteTagAsync(OriginRepository at, string tag, Digest digest) =>
        writer.WriteAsync(connection => CatalogWrites.DeleteTag(connection, at, tag, digest));

    /// <summary>Why it cannot be read, or could not last be written; null where it can. A full disk is no failure, pulls go on.</summary>
    public async ValueTask<string?> FindTroubleAsync()
    {
        try
        {
            await TotalBlobBytesAsync();
            return writer.Trouble is { } trouble ? $"The catalog could not be written: {trouble}" : null;
        }
        catch (Exception failure) when (failure is DbException or CatalogUnreadableException or ObjectDisposedException)
        {
            return failure is CatalogUnreadableException ? failure.Message : $"The catalog cannot be read: {failure.Message}";
        }
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

    private void SetRecorded(long bytes)
    {
        if (Interlocked.Exchange(ref recordedBytes, bytes) < bytes)
        {
            Grown?.Invoke();
        }
    }

    private async Task FlushAndSweepAsync()
    {
        await FlushAsync();
        await TryAsync(async () =>
        {
            while (Volatile.Read(ref disposed) == 0 && await Lists.SweepAsync())
            {
                // Little by little, so that other writes come between.
            }
        });
    }

    private Task FlushAsync() => deferred.IsEmpty ? Task.CompletedTask : TryAsync(() => deferred.FlushAsync(writer));

    private async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (CatalogUnwrittenException)
        {
            // The writer has logged it; what waits still waits, for the next time.
        }
        catch (Exception failure) when (failure is DbException or CatalogUnreadableException or ObjectDisposedException)
        {
            Log.NotFlushed(log, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "The catalog {Path} was brought from schema {From} to {To}.")]
        public static partial void Migrated(ILogger logger, string path, long from, long to);

        [LoggerMessage(3, LogLevel.Information, "There was no catalog: {Path} is a new catalog.")]
        public static partial void Made(ILogger logger, string path);

        [LoggerMessage(2, LogLevel.Warning, "Check times and last pulls could not be written to the catalog, or its loose entries not be deleted; it is tried again.")]
        public static partial void NotFlushed(ILogger logger, Exception exception);
    }
}
