using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog;

/// <summary>What goes first when room is needed: blobs, manifests and lists by the last pull of their image, each written pull counted.</summary>
public sealed class EvictionOrder
{
    private static readonly (EvictableKind Kind, string Sql)[] Kinds =
    [
        (EvictableKind.Blob,
            """
            SELECT digest, size, pulled_at FROM blobs b
            WHERE kept = {0} AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = b.digest AND l.origin = 0) ORDER BY pulled_at, digest LIMIT @limit
            """),
        (EvictableKind.Manifest,
            """
            SELECT digest, cost, pulled_at FROM manifests m
            WHERE kept = {0} AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = m.digest AND l.origin = 0) ORDER BY pulled_at, digest LIMIT @limit
            """),
        (EvictableKind.List, "SELECT CAST(entries AS TEXT), cost, checked_at FROM lists WHERE cost > 0 ORDER BY checked_at, entries LIMIT @limit"),
    ];

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;
    private readonly Func<Task> flush;
    private readonly Action<long> recorded;

    internal EvictionOrder(ReadPool reads, CatalogWriter writer, Func<Task> flush, Action<long> recorded)
    {
        this.reads = reads;
        this.writer = writer;
        this.flush = flush;
        this.recorded = recorded;
    }

    /// <summary>
    /// The first to go, in their order. Of one image, whose members have one time, its blobs before its manifests. What was pushed is no cache
    /// and does not go, nor does what is pinned: neither is read past, since it is in no index of these.
    /// </summary>
    /// <param name="lastCopies">Those that no upstream has any more instead, for when nothing else is left.</param>
    public ValueTask<IReadOnlyList<EvictableRow>> FirstAsync(int limit, bool lastCopies = false) => reads.ReadAsync<IReadOnlyList<EvictableRow>>(async connection =>
    {
        // Each kind by its own index; together they hold the first of all.
        var rows = new List<EvictableRow>();
        foreach (var (kind, sql) in Kinds.Where(kind => !lastCopies || kind.Kind != EvictableKind.List))
        {
            // Written out and not a parameter: only so is the index of just these rows known to hold them.
            var these = sql.Replace("{0}", lastCopies ? "4" : "0", StringComparison.Ordinal);
            rows.AddRange(await connection.ListAsync(
                row => new EvictableRow(kind, row.GetString(0), row.GetInt64(1), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2))), these, new { limit }));
        }

        return [.. rows.OrderBy(static row => row.PulledAt).ThenBy(static row => row.Kind).Take(limit)];
    });

    /// <summary>Whether a blob may go now, whatever was true when the order was asked.</summary>
    public ValueTask<bool> MayGoAsync(Digest digest, bool evenLastCopies) => reads.ReadAsync(connection => connection.FindAsync(
        """
        SELECT NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = @k0 AND l.origin = 0)
          AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.digest = @k0 AND (b.kept & @k1) <> 0)
        """,
        row => row.GetInt64(0) != 0, digest.ToString(), EvictionWrites.KeptBits(evenLastCopies)));

    /// <summary>Writes the pulls that wait, so that the order knows of them.</summary>
    public Task WritePullsAsync() => flush();

    /// <summary>The manifest goes with its links and tags, which whoever remembers them must forget. Null where it was pulled after all.</summary>
    public async Task<RemovedManifest?> RemoveManifestAsync(Digest digest, DateTimeOffset pulledAt, bool evenLastCopies = false)
    {
        RemovedManifest? removed = null;
        var now = 0L;
        await writer.WriteAsync(
            connection =>
            {
                removed = EvictionWrites.RemoveManifest(connection, digest, pulledAt, evenLastCopies);
                now = CatalogWrites.RecordedBytes(connection);
            },
            committed: () => recorded(now));
        return removed;
    }

    public Task RemoveListAsync(long entries)
    {
        var now = 0L;
        return writer.WriteAsync(
            connection =>
            {
                EvictionWrites.RemoveList(connection, entries);
                now = CatalogWrites.RecordedBytes(connection);
            },
            committed: () => recorded(now));
    }
}
