using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Collection;

/// <summary>
/// What is of no use any more, found page by page and taken away little by little. A pass keeps nothing in memory but where it is: since when
/// something is of no use stands in rows, so that a restart forgets nothing and begins from the start.
/// </summary>
public sealed class GarbageTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly Action<long> recorded;

    internal GarbageTable(ReadPool reads, CatalogWriter writer, Action<long> recorded)
    {
        this.reads = reads;
        this.writer = writer;
        this.recorded = recorded;
    }

    /// <summary>Told of what went, after its commit.</summary>
    public Action<CollectedRows>? Collected { get; set; }

    /// <summary>Links after one, in the order of their keys, with what becomes of each.</summary>
    /// <param name="idle">A manifest that nothing keeps goes where it was last pulled before this.</param>
    /// <param name="renewed">A pushed blob that no manifest names yet stays where it was uploaded, mounted or asked for after this.</param>
    public ValueTask<IReadOnlyList<LinkState>> LinksAsync(LinkKey after, DateTimeOffset idle, DateTimeOffset renewed, int limit) => reads.ReadAsync(connection =>
        connection.ListAsync(
            static row => new LinkState(ReadKey(row), row.GetInt64(3) != 0, row.GetInt64(4) != 0, row.GetInt64(5) != 0),
            $"""
            SELECT links.digest, links.repository, links.origin, x.digest IS NOT NULL, coalesce(x.kept & 1, 0),
              CASE WHEN x.digest IS NULL THEN {GarbageWrites.UselessBlob} ELSE {GarbageWrites.IdleManifest} END
            FROM links LEFT JOIN manifests x ON x.digest = links.digest
            WHERE (links.digest, links.repository, links.origin) > (@digest, @repository, @origin)
            ORDER BY links.digest, links.repository, links.origin LIMIT @limit
            """,
            new { digest = after.Digest, repository = after.Repository, origin = after.Origin, idle = idle.ToUnixTimeMilliseconds(), renewed = renewed.ToUnixTimeMilliseconds(), limit }));

    /// <summary>Links that were marked, after one; whether each is still of no use.</summary>
    public ValueTask<IReadOnlyList<(LinkKey Key, DateTimeOffset Since, bool IsUseless)>> MarkedAsync(LinkKey after, DateTimeOffset renewed, int limit) =>
        reads.ReadAsync(connection => connection.ListAsync(
            static row => (ReadKey(row), Times.Of(row.GetInt64(3)), row.GetInt64(4) != 0),
            $"""
            SELECT u.digest, u.repository, u.origin, u.since,
              links.digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = u.digest) AND {GarbageWrites.UselessBlob}
            FROM unneeded_links u LEFT JOIN links ON links.digest = u.digest AND links.repository = u.repository AND links.origin = u.origin
            WHERE (u.digest, u.repository, u.origin) > (@digest, @repository, @origin)
            ORDER BY u.digest, u.repository, u.origin LIMIT @limit
            """,
            new { digest = after.Digest, repository = after.Repository, origin = after.Origin, renewed = renewed.ToUnixTimeMilliseconds(), limit }));

    /// <summary>Manifests after one, in the order of their digests; whether no repository has it.</summary>
    public ValueTask<IReadOnlyList<(string Digest, bool IsLoose)>> ManifestsAsync(string after, int limit) => reads.ReadAsync(connection =>
        connection.ListAsync(
            static row => (row.GetString(0), row.GetInt64(1) != 0),
            """
            SELECT digest, NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = manifests.digest AND (l.kinds & 6) <> 0)
            FROM manifests WHERE digest > @after ORDER BY digest LIMIT @limit
            """,
            new { after, limit }));

    /// <summary>Digests that nothing refers to, after one.</summary>
    public ValueTask<IReadOnlyList<UnreferencedRow>> UnreferencedAsync(string after, int limit) => reads.ReadAsync(connection =>
        connection.ListAsync(
            static row =>
            {
                var (isLinkedManifest, isLinked, isNamed) = (row.GetInt64(4) != 0, row.GetInt64(5) != 0, row.GetInt64(6) != 0);
                var (isManifest, isBlob) = (row.GetInt64(2) != 0 && !isLinkedManifest, row.GetInt64(3) != 0 && !isLinked);
                return new UnreferencedRow(Digest.Parse(row.GetString(0)), Times.Of(row.GetInt64(1)), isManifest, isBlob && !isNamed, !isManifest && !isBlob);
            },
            """
            SELECT digest, since,
              EXISTS (SELECT 1 FROM manifests m WHERE m.digest = u.digest), EXISTS (SELECT 1 FROM blobs b WHERE b.digest = u.digest),
              EXISTS (SELECT 1 FROM links l WHERE l.digest = u.digest AND (l.kinds & 6) <> 0), EXISTS (SELECT 1 FROM links l WHERE l.digest = u.digest),
              EXISTS (SELECT 1 FROM children c WHERE c.digest = u.digest)
            FROM unreferenced u WHERE digest > @after ORDER BY digest LIMIT @limit
            """,
            new { after, limit }));

    /// <summary>Blobs after one, in the order of their digests.</summary>
    public ValueTask<IReadOnlyList<BlobState>> BlobsAsync(string after, int limit) => reads.ReadAsync(connection =>
        connection.ListAsync(
            static row => new BlobState(Digest.Parse(row.GetString(0)), row.GetInt64(1), Times.Of(row.GetInt64(2)), (KeptFor)row.GetInt64(3), row.GetInt64(4) != 0),
            """
            SELECT digest, size, pulled_at, kept,
              NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = b.digest) AND NOT EXISTS (SELECT 1 FROM children c WHERE c.digest = b.digest)
                AND NOT EXISTS (SELECT 1 FROM unreferenced u WHERE u.digest = b.digest)
            FROM blobs b WHERE digest > @after ORDER BY digest LIMIT @limit
            """,
            new { after, limit }));

    /// <summary>Whether a stored blob has been of no use since before a time, and nothing keeps it: asked when nobody can push or link it.</summary>
    public ValueTask<bool> MayGoAsync(Digest digest, DateTimeOffset before) => reads.ReadAsync(connection => connection.FindAsync(
        """
        SELECT 1 FROM unreferenced u WHERE u.digest = @k0 AND u.since <= @k1
          AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = u.digest) AND NOT EXISTS (SELECT 1 FROM children c WHERE c.digest = u.digest)
          AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.digest = u.digest AND (b.kept & 3) <> 0)
        """,
        _ => true, digest.ToString(), before.ToUnixTimeMilliseconds()));

    public Task MarkAsync(IReadOnlyList<LinkKey> links, DateTimeOffset now) => writer.WriteAsync(connection => GarbageWrites.Mark(connection, links, now));

    public Task UnmarkAsync(IReadOnlyList<LinkKey> links) => writer.WriteAsync(connection => GarbageWrites.Unmark(connection, links));

    /// <summary>Manifests that no repository has; since when, is written down once.</summary>
    public Task MarkManifestsAsync(IReadOnlyList<string> digests, DateTimeOffset now) => writer.WriteAsync(connection =>
    {
        foreach (var digest in digests)
        {
            GarbageWrites.UnreferencedManifest(connection, digest, now);
        }
    });

    /// <summary>Blobs that nothing refers to; since when, is written down once.</summary>
    public Task MarkBlobsAsync(IReadOnlyList<Digest> digests, DateTimeOffset now) => writer.WriteAsync(connection =>
    {
        foreach (var digest in digests)
        {
            GarbageWrites.Unreferenced(connection, digest.ToString(), now.ToUnixTimeMilliseconds());
        }
    });

    /// <summary>Marks of a clock that was ahead begin now: they would hold for as long as it was.</summary>
    public Task RestartMarksAsync(DateTimeOffset now) => writer.WriteAsync(connection => GarbageWrites.Restart(connection, now));

    /// <summary>Digests that are referred to again, or are not here any more.</summary>
    public Task ForgetAsync(IReadOnlyList<Digest> digests) => writer.WriteAsync(connection =>
    {
        foreach (var digest in digests)
        {
            GarbageWrites.Referenced(connection, digest);
        }
    });

    /// <summary>Takes links of blobs away that were marked before a time and are still of no use; how many.</summary>
    public async Task<int> RemoveLinksAsync(IReadOnlyList<LinkKey> links, DateTimeOffset before, DateTimeOffset renewed, DateTimeOffset now) =>
        await RemoveAsync(links, (connection, link) => GarbageWrites.RemoveUseless(connection, link, before, renewed, now));

    /// <summary>Takes links of pulled manifests away that nothing keeps; how many.</summary>
    public async Task<int> RemoveIdleAsync(IReadOnlyList<LinkKey> links, DateTimeOffset idle, DateTimeOffset now) =>
        await RemoveAsync(links, (connection, link) => GarbageWrites.RemoveIdle(connection, link, idle, now));

    /// <summary>Takes manifests away that no repository has had since before a time; how many.</summary>
    public async Task<int> RemoveManifestsAsync(IReadOnlyList<Digest> digests, DateTimeOffset before)
    {
        var gone = new List<Digest>();
        var now = 0L;
        await writer.WriteAsync(
            connection =>
            {
                gone.Clear();
                gone.AddRange(digests.Where(digest => GarbageWrites.RemoveManifest(connection, digest, before)));
                now = CatalogWrites.RecordedBytes(connection);
            },
            committed: () =>
            {
                recorded(now);
                Collected?.Invoke(new CollectedRows([], [.. gone]));
            });
        return gone.Count;
    }

    private async Task<int> RemoveAsync(IReadOnlyList<LinkKey> links, Func<System.Data.Common.DbConnection, LinkKey, bool> remove)
    {
        var removed = new List<(OriginRepository At, Digest Digest)>();
        await writer.WriteAsync(
            connection =>
            {
                // A write may be run twice.
                removed.Clear();
                removed.AddRange(links.Where(link => remove(connection, link)).Select(link => (link.At, Digest.Parse(link.Digest))));
            },
            committed: () => Collected?.Invoke(new CollectedRows([.. removed], [])));
        return removed.Count;
    }

    /// <summary>Of digest, repository and origin, which come first.</summary>
    private static LinkKey ReadKey(DbDataReader row) => new(row.GetString(0), row.GetString(1), row.GetInt64(2));
}
