using System.Data.Common;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Control;

/// <param name="Arn">With its random suffix.</param>
/// <param name="Details">What is kept and echoed: description, key, tags; as JSON.</param>
/// <param name="DeletedAt">When it was asked to be deleted; null where it was not.</param>
/// <param name="DeletionDate">When it goes.</param>
public sealed record SecretRow(
    string Arn, string Name, string Details, DateTimeOffset CreatedAt, DateTimeOffset ChangedAt, DateTimeOffset? DeletedAt, DateTimeOffset? DeletionDate);

/// <param name="Sealed">The value, which only the server's key opens.</param>
/// <param name="Stages">Staging labels, such as <c>AWSCURRENT</c>.</param>
public sealed record SecretVersionRow(string Arn, string VersionId, byte[] Sealed, DateTimeOffset CreatedAt, IReadOnlyList<string> Stages);

/// <summary>Secrets: one row each, one for each version, one for each label. A label is on one version at a time.</summary>
public sealed class SecretTable
{
    private const string Columns = "arn, name, details, created_at, changed_at, deleted_at, deletion_date";

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal SecretTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    /// <summary>By its ARN, whole or without its suffix, or by its name.</summary>
    public ValueTask<SecretRow?> FindAsync(string id) => reads.ReadAsync(async connection => await connection.ListAsync(
        Read,
        $"SELECT {Columns} FROM secrets WHERE arn = @id OR name = @id OR substr(arn, 1, length(arn) - 7) = @id ORDER BY arn = @id DESC LIMIT 1",
        new { id }) is [var row, ..]
        ? row
        : null);

    /// <summary>Those after a name, in the order of their names.</summary>
    public ValueTask<IReadOnlyList<SecretRow>> ListAsync(string after, int limit) => reads.ReadAsync(connection => connection.ListAsync(
        Read, $"SELECT {Columns} FROM secrets WHERE name > @after ORDER BY name LIMIT @limit", new { after, limit }));

    /// <summary>The versions of a secret, the newest first.</summary>
    public ValueTask<IReadOnlyList<SecretVersionRow>> VersionsAsync(string arn) => reads.ReadAsync(async connection =>
    {
        var stages = (await connection.ListAsync(static row => (Stage: row.GetString(0), Version: row.GetString(1)), "SELECT stage, version FROM secret_stages WHERE secret = @arn", new { arn }))
            .ToLookup(row => row.Version, row => row.Stage);
        return await connection.ListAsync(
            row => new SecretVersionRow(
                arn, row.GetString(0), row.GetFieldValue<byte[]>(1), Times.Of(row.GetInt64(2)), [.. stages[row.GetString(0)].Order(StringComparer.Ordinal)]),
            "SELECT version, sealed, created_at FROM secret_versions WHERE secret = @arn ORDER BY created_at DESC, version",
            new { arn });
    });

    /// <summary>Makes the secret or changes what is kept of it, and adds a version where one is given. Its labels leave the versions that had them.</summary>
    /// <param name="dropped">Versions that go.</param>
    /// <returns>False where the name is another secret's already.</returns>
    public async Task<bool> PutAsync(SecretRow secret, IReadOnlyList<SecretVersionRow> versions, IReadOnlyCollection<string> dropped)
    {
        var isOwn = false;
        await writer.WriteAsync(
            connection =>
            {
                isOwn = connection.FindNumber("SELECT count(*) FROM secrets WHERE name = @name AND arn <> @arn", new { secret.Name, secret.Arn }) == 0;
                if (isOwn)
                {
                    Put(connection, secret);
                    PutVersions(connection, secret.Arn, versions, dropped);
                }
            },
            durable: true);
        return isOwn;
    }

    public Task DeleteAsync(string arn) => writer.WriteAsync(
        connection =>
        {
            connection.Run("DELETE FROM secret_stages WHERE secret = @arn", new { arn });
            connection.Run("DELETE FROM secret_versions WHERE secret = @arn", new { arn });
            connection.Run("DELETE FROM secrets WHERE arn = @arn", new { arn });
        },
        durable: true);

    private static void Put(DbConnection connection, SecretRow secret) => connection.Run(
        """
        INSERT INTO secrets (arn, name, details, created_at, changed_at, deleted_at, deletion_date)
        VALUES (@arn, @name, @details, @created, @changed, @deleted, @deletion)
        ON CONFLICT (arn) DO UPDATE SET
          details = excluded.details, changed_at = excluded.changed_at, deleted_at = excluded.deleted_at, deletion_date = excluded.deletion_date
        """,
        new
        {
            secret.Arn,
            secret.Name,
            secret.Details,
            created = Times.Of(secret.CreatedAt),
            changed = Times.Of(secret.ChangedAt),
            deleted = secret.DeletedAt is { } at ? Times.Of(at) : (long?)null,
            deletion = secret.DeletionDate is { } date ? Times.Of(date) : (long?)null,
        });

    private static void PutVersions(DbConnection connection, string arn, IReadOnlyList<SecretVersionRow> versions, IReadOnlyCollection<string> dropped)
    {
        foreach (var version in versions)
        {
            connection.Run(
                """
                INSERT INTO secret_versions (secret, version, sealed, created_at) VALUES (@arn, @versionId, @sealed, @created)
                ON CONFLICT (secret, version) DO NOTHING
                """,
                new { arn, version.VersionId, version.Sealed, created = Times.Of(version.CreatedAt) });
            connection.Run("DELETE FROM secret_stages WHERE secret = @arn AND version = @versionId", new { arn, version.VersionId });
            connection.RunEach(
                "INSERT INTO secret_stages (secret, stage, version) VALUES (@arn, @stage, @versionId) ON CONFLICT (secret, stage) DO UPDATE SET version = excluded.version",
                version.Stages.Select(stage => new { arn, stage, version.VersionId }));
        }

        connection.RunEach("DELETE FROM secret_versions WHERE secret = @arn AND version = @version", dropped.Select(version => new { arn, version }));
        connection.RunEach("DELETE FROM secret_stages WHERE secret = @arn AND version = @version", dropped.Select(version => new { arn, version }));
    }

    /// <summary>Of <see cref="Columns"/>.</summary>
    private static SecretRow Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), Times.Of(row.GetInt64(3)), Times.Of(row.GetInt64(4)),
        row.Number(5) is { } at ? Times.Of(at) : null, row.Number(6) is { } date ? Times.Of(date) : null);
}
