using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Millpond.Images;
using Millpond.Server.Catalog.Control;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Expiry;

/// <summary>Images that the availability guard keeps although a policy would have them go.</summary>
public sealed class HeldTable
{
    private const string Columns =
        "repository, origin, digest, priority, reason, failing, since, asked_at, next_at, tries";

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal HeldTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    public ValueTask<long> CountAsync() => reads.ReadAsync(connection => connection.FindAsync("SELECT count(*) FROM held", row => row.GetInt64(0)));

    /// <summary>Those of a repository after a digest.</summary>
    public ValueTask<IReadOnlyList<HeldRow>> ListAsync(OriginRepository at, string after, int limit) => ListAsync(
        $"SELECT {Columns} FROM held WHERE repository = @repository AND origin = @origin AND digest > @after ORDER BY digest LIMIT @limit",
        new { repository = at.Name.ToString(), origin = at.Origin.Id, after, limit });

    /// <summary>Those after one, in the order of repositories, origins and digests.</summary>
    /// <param name="repository">Only those of this name; null for all.</param>
    public ValueTask<IReadOnlyList<HeldRow>> ListAsync(string? repository, (string Repository, long Origin, string Digest) after, int limit) => ListAsync(
        $"""
        SELECT {Columns} FROM held WHERE (repository, origin, digest) > (@name, @origin, @digest) {(repository is null ? "" : "AND repository = @repository")}
        ORDER BY repository, origin, digest LIMIT @limit
        """,
        new { repository, name = after.Repository, origin = after.Origin, digest = after.Digest, limit });

    /// <summary>Repositories of which something is to be asked again by now, some of them.</summary>
    public ValueTask<IReadOnlyList<string>> ListDueAsync(DateTimeOffset now, int limit) => reads.ReadAsync(connection => connection.ListTextsAsync(
        "SELECT DISTINCT repository FROM (SELECT repository FROM held WHERE next_at <= @now ORDER BY next_at LIMIT @rows) LIMIT @limit",
        new { now = now.ToUnixTimeMilliseconds(), rows = 100 * limit, limit }));

    /// <summary>Of the next repository that is held because its upstream fails, the image that was asked for the longest ago; null after the last.</summary>
    /// <param name="after">The repository before, by name and origin.</param>
    public async ValueTask<HeldRow?> FindFailingAsync((string Repository, long Origin) after) => await ListAsync(
        $"SELECT {Columns} FROM held WHERE failing = 1 AND (repository, origin) > (@name, @origin) ORDER BY repository, origin, asked_at LIMIT 1",
        new { name = after.Repository, origin = after.Origin }) is [var row, ..]
        ? row
        : null;

    public Task PutAsync(IReadOnlyList<HeldRow> rows) => rows.Count == 0 ? Task.CompletedTask : writer.WriteAsync(connection =>
    {
        foreach (var row in rows)
        {
            LifecycleWrites.PutHeld(connection, row);
        }
    });

    /// <summary>They are held no more.</summary>
    public Task RemoveAsync(OriginRepository at, IReadOnlyList<Digest> digests) => digests.Count == 0 ? Task.CompletedTask : writer.WriteAsync(connection =>
        connection.RunEach(
            "DELETE FROM held WHERE repository = @repository AND origin = @origin AND digest = @digest",
            digests.Select(digest => new { repository = at.Name.ToString(), origin = at.Origin.Id, digest = digest.ToString() })));

    private ValueTask<IReadOnlyList<HeldRow>> ListAsync<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TValues>(string sql, TValues values)
        where TValues : class => reads.ReadAsync(connection => connection.ListAsync(Read, sql, values));

    /// <summary>Of <see cref="Columns"/>.</summary>
    private static HeldRow Read(DbDataReader row) => new(
        new(RepositoryName.Parse(row.GetString(0)), new(row.GetInt64(1)), null), Digest.Parse(row.GetString(2)), row.GetInt64(3), row.GetString(4), row.GetInt64(5) != 0,
        Times.Of(row.GetInt64(6)), Times.Of(row.GetInt64(7)), Times.Of(row.GetInt64(8)), (int)row.GetInt64(9));
}
