using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog;

/// <summary>A manifest as a repository has it.</summary>
/// <param name="BlobBytes">What its configuration and layers take; for an index 0.</param>
/// <param name="LargestChild">Of an index: what the largest of its manifests that are here takes.</param>
/// <param name="LinkedAt">Since when the repository has it.</param>
public sealed record ImageRow(
    Digest Digest, string MediaType, string? ArtifactType, Digest? Subject, long Size, long BlobBytes, long LargestChild, DateTimeOffset LinkedAt, DateTimeOffset PulledAt)
{
    public bool IsArchived { get; init; }

    /// <summary>When it was last archived; null for never.</summary>
    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>When it was last restored from the archive; null for never.</summary>
    public DateTimeOffset? ActivatedAt { get; init; }
}

/// <summary>What repositories hold, as it is described.</summary>
public sealed class ImageTable
{
    private const string Columns =
        """
        m.digest, m.media_type, m.artifact_type, m.subject, m.size,
        (SELECT coalesce(sum(c.size), 0) FROM children c WHERE c.parent = m.digest AND NOT EXISTS (SELECT 1 FROM manifests x WHERE x.digest = c.digest)),
        (SELECT coalesce(max(x.size + (SELECT coalesce(sum(y.size), 0) FROM children y WHERE y.parent = x.digest)), 0)
           FROM children c JOIN manifests x ON x.digest = c.digest WHERE c.parent = m.digest),
        CASE WHEN l.linked_at = 0 THEN m.stored_at ELSE l.linked_at END, m.pulled_at,
        l.kinds, l.archived_at, l.activated_at
        """;

    private readonly ReadPool reads;

    internal ImageTable(ReadPool reads) => this.reads = reads;

    /// <summary>Since when there is a repository of this origin; null where there is none.</summary>
    public ValueTask<DateTimeOffset?> FindRepositoryAsync(OriginRepository at) => reads.ReadAsync(connection => connection.FindAsync<DateTimeOffset?>(
        "SELECT made_at FROM repositories WHERE name = @k0 AND origin = @k1",
        row => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(0)), at.Name.ToString(), at.Origin.Id));

    /// <summary>Its manifests after a digest, in the order of theirs.</summary>
    public ValueTask<IReadOnlyList<ImageRow>> ListAsync(OriginRepository at, string after, int limit) => reads.ReadAsync<IReadOnlyList<ImageRow>>(async connection =>
    [
        .. (await connection.ListAsync(
            Read,
            $"""
            SELECT {Columns} FROM links l CROSS JOIN manifests m ON m.digest = l.digest
            WHERE l.repository = @repository AND l.origin = @origin AND (l.kinds & 6) <> 0 AND l.digest > @after ORDER BY l.digest LIMIT @limit
            """,
            new { repository = at.Name.ToString(), origin = at.Origin.Id, after, limit })),
    ]);

    public ValueTask<ImageRow?> FindAsync(OriginRepository at, Digest digest) => reads.ReadAsync(async connection =>
        await connection.ListAsync(
            Read,
            $"""
            SELECT {Columns} FROM links l JOIN manifests m ON m.digest = l.digest
            WHERE l.digest = @digest AND l.repository = @repository AND l.origin = @origin AND (l.kinds & 6) <> 0
            """,
            new { repository = at.Name.ToString(), origin = at.Origin.Id, digest = digest.ToString() }) is [var image, ..]
            ? image
            : null);

    /// <summary>The tags of a repository that mean the digest.</summary>
    public ValueTask<IReadOnlyList<string>> TagsOfAsync(OriginRepository at, Digest digest) => reads.ReadAsync(connection => connection.ListTextsAsync(
        LifecycleWrites.Tags,
        new { repository = at.Name.ToString(), origin = at.Origin.Id, digest = digest.ToString() }));

    /// <summary>Whether the repository has any manifest.</summary>
    public async ValueTask<bool> HasImagesAsync(OriginRepository at) => (await ListAsync(at, "", 1)).Count > 0;

    /// <summary>Of <see cref="Columns"/>.</summary>
    private static ImageRow Read(DbDataReader row) => new(
        Digest.Parse(row.GetString(0)), row.GetString(1), row.Text(2), row.Text(3) is { } subject ? Digest.Parse(subject) : null, row.GetInt64(4), row.GetInt64(5), row.GetInt64(6),
        DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(7)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(8)))
    {
        IsArchived = (row.GetInt64(9) & (long)LinkKinds.Archived) != 0,
        ArchivedAt = row.Number(10) is { } archived ? DateTimeOffset.FromUnixTimeMilliseconds(archived) : null,
        ActivatedAt = row.Number(11) is { } activated ? DateTimeOffset.FromUnixTimeMilliseconds(activated) : null,
    };
}
