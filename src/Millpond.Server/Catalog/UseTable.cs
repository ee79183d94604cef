using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog;

/// <summary>A digest as one repository has it, with what it takes here.</summary>
/// <param name="Origin">0 = pushed.</param>
/// <param name="Bytes">What is stored of it: 0 where its bytes are not here (any more).</param>
/// <param name="StoredAt">Since when.</param>
/// <param name="IsVersion">Whether it is an image as users count them: a manifest that no stored index names and that is about no other.</param>
public sealed record UseRow(string Digest, string Repository, long Origin, long Bytes, DateTimeOffset StoredAt, bool IsVersion);

/// <summary>All that is stored and whose it is, for adding up: page by page in the order of digests, so that a digest's repositories come together.</summary>
public sealed class UseTable
{
    // A manifest may be stored as a blob too, where somebody pushed it so; it then takes both.
    private const string Sql =
        """
        SELECT l.digest, l.repository, l.origin, coalesce(b.size, 0) + coalesce(m.size, 0),
          coalesce(b.stored_at, m.stored_at, 0),
          CASE WHEN m.digest IS NULL OR m.subject IS NOT NULL OR (l.kinds & 6) = 0 THEN 0
               WHEN EXISTS (SELECT 1 FROM children c WHERE c.digest = l.digest) THEN 0
               ELSE 1 END
        FROM links l
        LEFT JOIN blobs b ON b.digest = l.digest
        LEFT JOIN manifests m ON m.digest = l.digest
        WHERE (l.digest, l.repository, l.origin) > (@digest, @repository, @origin)
        ORDER BY l.digest, l.repository, l.origin LIMIT @limit
        """;

    private readonly ReadPool reads;

    internal UseTable(ReadPool reads) => this.reads = reads;

    /// <param name="after">The last row of the page before; null for the first page.</param>
    public ValueTask<IReadOnlyList<UseRow>> ListAsync(UseRow? after, int limit) => reads.ReadAsync<IReadOnlyList<UseRow>>(async connection =>
    [
        .. await connection.ListAsync(
            static row => new UseRow(
                row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)), row.GetInt64(5) != 0),
            Sql,
            new { digest = after?.Digest ?? "", repository = after?.Repository ?? "", origin = after?.Origin ?? long.MinValue, limit }),
    ]);
}
