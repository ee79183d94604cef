using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Collection;

/// <summary>What is kept from eviction: patterns of pins, and the images that they or the availability guard keep.</summary>
public sealed class PinTable
{
    /// <summary>Indexes of indexes of images: deeper ones are no image that a runtime could pull.</summary>
    private const int MostLevels = 4;

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal PinTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    /// <summary>All patterns, in their order.</summary>
    public ValueTask<IReadOnlyList<PinRow>> ListAsync() => reads.ReadAsync(connection => connection.ListAsync(
        static row => new PinRow(row.GetString(0), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1))), "SELECT pattern, created_at FROM pins ORDER BY pattern"));

    /// <summary>Keeps a pattern, durably; false where there are as many as there may be. One that is there stays as it is.</summary>
    public async Task<bool> AddAsync(string pattern, int most, DateTimeOffset now)
    {
        var isThere = false;
        await writer.WriteAsync(
            connection =>
            {
                var values = new { pattern, most, now = now.ToUnixTimeMilliseconds() };
                connection.Run("INSERT INTO pins (pattern, created_at) SELECT @pattern, @now WHERE (SELECT count(*) FROM pins) < @most ON CONFLICT DO NOTHING", values);
                isThere = connection.FindNumber("SELECT 1 FROM pins WHERE pattern = @pattern", values) is not null;
            },
            durable: true);
        return isThere;
    }

    /// <summary>Whether there was one.</summary>
    public async Task<bool> RemoveAsync(string pattern)
    {
        var wasThere = false;
        await writer.WriteAsync(connection => wasThere = connection.Run("DELETE FROM pins WHERE pattern = @pattern", new { pattern }) > 0, durable: true);
        return wasThere;
    }

    /// <summary>How many images are kept for this.</summary>
    public ValueTask<long> CountAsync(KeptFor why) =>
        reads.ReadAsync(connection => connection.FindAsync("SELECT count(*) FROM kept_images WHERE why = @k0", row => row.GetInt64(0), (long)why));

    /// <summary>Images that are kept for this, after one, in the order of their digests.</summary>
    public ValueTask<IReadOnlyList<string>> ListKeptAsync(KeptFor why, string after, int limit) => reads.ReadAsync(connection =>
        connection.ListTextsAsync("SELECT digest FROM kept_images WHERE digest > @after AND why = @why ORDER BY digest LIMIT @limit", new { why = (long)why, after, limit }));

    /// <summary>What a manifest or blob is kept for.</summary>
    public ValueTask<KeptFor> FindAsync(Digest digest) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT (SELECT coalesce(max(kept), 0) FROM manifests WHERE digest = @k0) | (SELECT coalesce(max(kept), 0) FROM blobs WHERE digest = @k0)",
        row => (KeptFor)row.GetInt64(0), digest.ToString()));

    /// <summary>The repositories that have a manifest, each with the tags by which they do.</summary>
    public ValueTask<IReadOnlyList<(string Repository, string? Tag)>> NamesOfAsync(string digest) => reads.ReadAsync(connection => connection.ListAsync(
        static row => (row.GetString(0), row.Text(1)),
        """
        SELECT l.repository, t.tag FROM links l
        LEFT JOIN tags t ON t.digest = l.digest AND +t.repository = l.repository AND +t.origin = l.origin WHERE l.digest = @digest AND (l.kinds & 6) <> 0
        """,
        new { digest }));

    /// <summary>Tags of a repository after one, of all its origins, with what they mean.</summary>
    public ValueTask<IReadOnlyList<(string Tag, long Origin, string Digest)>> TagsAsync(string repository, string tag, long origin, int limit) =>
        reads.ReadAsync(connection => connection.ListAsync(
            static row => (row.GetString(0), row.GetInt64(1), row.GetString(2)),
            "SELECT tag, origin, digest FROM tags WHERE repository = @repository AND (tag, origin) > (@tag, @origin) ORDER BY tag, origin LIMIT @limit",
            new { repository, tag, origin, limit }));

    /// <summary>Keeps an image for a pin, or as a last copy: the manifest, the manifests below it, and all their blobs.</summary>
    public async Task KeepAsync(string digest, KeptFor why)
    {
        await writer.WriteAsync(connection => KeptWrites.PutRoot(connection, digest, why));
        await BelowAsync(digest, MostLevels, one => writer.WriteAsync(connection => KeptWrites.Keep(connection, one, why)));
    }

    /// <summary>Ends that, but for what another image keeps that is kept.</summary>
    public async Task ReleaseAsync(string digest, KeptFor why)
    {
        await writer.WriteAsync(connection => KeptWrites.RemoveRoot(connection, digest, why));
        await BelowAsync(digest, MostLevels, one => writer.WriteAsync(connection => KeptWrites.Release(connection, one, why)), withBlobs: true);
    }

    /// <summary>Ends for one digest what nothing says any more: a manifest above it went, or a link by a push.</summary>
    public Task ReleaseAsync(Digest digest) => writer.WriteAsync(connection =>
    {
        KeptWrites.PushGone(connection, digest.ToString());
        KeptWrites.Release(connection, digest.ToString(), KeptFor.Pin);
        KeptWrites.Release(connection, digest.ToString(), KeptFor.LastCopy);
    });

    /// <summary>Images that the availability guard holds and that are not kept as last copies yet, after one.</summary>
    public ValueTask<IReadOnlyList<string>> ListHeldAsync(string after, int limit) => reads.ReadAsync(connection => connection.ListTextsAsync(
        """
        SELECT DISTINCT h.digest FROM held h
        WHERE h.digest > @after AND NOT EXISTS (SELECT 1 FROM kept_images k WHERE k.digest = h.digest AND k.why = 4)
          AND EXISTS (SELECT 1 FROM manifests m WHERE m.digest = h.digest)
        ORDER BY h.digest LIMIT @limit
        """,
        new { after, limit }));

    /// <summary>Last copies that the guard holds no more, after one.</summary>
    public ValueTask<IReadOnlyList<string>> ListReleasedAsync(string after, int limit) => reads.ReadAsync(connection => connection.ListTextsAsync(
        """
        SELECT k.digest FROM kept_images k
        WHERE k.digest > @after AND k.why = 4 AND NOT EXISTS (SELECT 1 FROM held h WHERE h.digest = k.digest) ORDER BY k.digest LIMIT @limit
        """,
        new { after, limit }));

    /// <summary>A manifest and the manifests below it, each before what is below it.</summary>
    private async Task BelowAsync(string digest, int levels, Func<string, Task> change, bool withBlobs = false)
    {
        await change(digest);
        if (levels == 0)
        {
            return;
        }

        var table = withBlobs ? "" : "AND EXISTS (SELECT 1 FROM manifests m WHERE m.digest = c.digest)";
        foreach (var child in await reads.ReadAsync(connection => connection.ListTextsAsync($"SELECT c.digest FROM children c WHERE c.parent = @digest {table}", new { digest })))
        {
            await BelowAsync(child, levels - 1, change, withBlobs);
        }
    }
}
