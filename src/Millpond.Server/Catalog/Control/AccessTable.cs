using System.Data.Common;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Control;

/// <summary>Principals, their policies and access keys.</summary>
public sealed class AccessTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal AccessTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    public ValueTask<PrincipalRow?> FindPrincipalAsync(string arn) => reads.ReadAsync(async connection =>
    {
        var created = await connection.FindAsync<long?>("SELECT created_at FROM principals WHERE arn = @k0", row => row.GetInt64(0), arn);
        return created is { } at ? new PrincipalRow(arn, Times.Of(at), await PoliciesAsync(connection, arn)) : null;
    });

    /// <summary>Principals after an ARN, in their order.</summary>
    public ValueTask<IReadOnlyList<PrincipalRow>> ListPrincipalsAsync(string after, int limit) => reads.ReadAsync<IReadOnlyList<PrincipalRow>>(async connection =>
    {
        var found = new List<PrincipalRow>();
        foreach (var (arn, created) in await connection.ListAsync(
            static row => (Arn: row.GetString(0), Created: row.GetInt64(1)),
            "SELECT arn, created_at FROM principals WHERE arn > @after ORDER BY arn LIMIT @limit", new { after, limit }))
        {
            found.Add(new(arn, Times.Of(created), await PoliciesAsync(connection, arn)));
        }

        return found;
    });

    public ValueTask<AccessKeyRow?> FindKeyAsync(string id) => reads.ReadAsync(connection => connection.FindAsync(
        "SELECT principal, sealed, token_hash, expires_at, created_at FROM access_keys WHERE id = @k0",
        row => new AccessKeyRow(
            id, row.GetString(0), row.GetFieldValue<byte[]>(1), row.Bytes(2),
            row.Number(3) is { } expires ? Times.Of(expires) : null, Times.Of(row.GetInt64(4))),
        id));

    /// <summary>The keys of a principal, without what is sealed.</summary>
    public ValueTask<IReadOnlyList<(string Id, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt)>> ListKeysAsync(string principal) =>
        reads.ReadAsync(connection => connection.ListAsync(
            static row => (row.GetString(0), Times.Of(row.GetInt64(1)), row.Number(2) is { } at ? Times.Of(at) : (DateTimeOffset?)null),
            "SELECT id, created_at, expires_at FROM access_keys WHERE principal = @principal ORDER BY created_at, id",
            new { principal }));

    /// <summary>Makes the principal or gives it these policies in place of those it has.</summary>
    /// <param name="key">A key for it, or null.</param>
    public Task PutPrincipalAsync(PrincipalRow principal, AccessKeyRow? key) => writer.WriteAsync(
        connection =>
        {
            connection.Run(
                "INSERT INTO principals (arn, created_at) VALUES (@arn, @at) ON CONFLICT (arn) DO NOTHING", new { principal.Arn, at = Times.Of(principal.CreatedAt) });
            connection.Run("DELETE FROM principal_policies WHERE principal = @arn", new { principal.Arn });
            connection.RunEach(
                "INSERT INTO principal_policies (principal, name, document) VALUES (@arn, @name, @document)",
                principal.Policies.Select(policy => new { principal.Arn, policy.Name, policy.Document }));
            if (key is not null)
            {
                PutKey(connection, key);
            }
        },
        durable: true);

    /// <summary>Gives a principal a key, and ends others of it.</summary>
    /// <param name="ended">Keys that end with this one's coming.</param>
    public Task PutKeyAsync(AccessKeyRow key, IReadOnlyCollection<string> ended) => writer.WriteAsync(
        connection =>
        {
            PutKey(connection, key);
            DeleteKeys(connection, key.Principal, ended);
        },
        durable: true);

    public Task DeleteKeysAsync(string principal, IReadOnlyCollection<string> ids) =>
        writer.WriteAsync(connection => DeleteKeys(connection, principal, ids), durable: true);

    /// <summary>The principal with all it has.</summary>
    public Task DeletePrincipalAsync(string arn) => writer.WriteAsync(
        connection =>
        {
            connection.Run("DELETE FROM access_keys WHERE principal = @arn", new { arn });
            connection.Run("DELETE FROM principal_policies WHERE principal = @arn", new { arn });
            connection.Run("DELETE FROM principals WHERE arn = @arn", new { arn });
        },
        durable: true);

    private static ValueTask<IReadOnlyList<PolicyRow>> PoliciesAsync(ReadConnection connection, string principal) => connection.ListAsync(
        static row => new PolicyRow(row.GetString(0), row.Text(1)),
        "SELECT name, document FROM principal_policies WHERE principal = @principal ORDER BY name",
        new { principal });

    private static void PutKey(DbConnection connection, AccessKeyRow key) => connection.Run(
        """
        INSERT INTO access_keys (id, principal, sealed, token_hash, expires_at, created_at) VALUES (@id, @principal, @sealed, @tokenHash, @expires, @created)
        ON CONFLICT (id) DO NOTHING
        """,
        new { key.Id, key.Principal, key.Sealed, key.TokenHash, expires = key.ExpiresAt is { } at ? Times.Of(at) : (long?)null, created = Times.Of(key.CreatedAt) });

    private static void DeleteKeys(DbConnection connection, string principal, IReadOnlyCollection<string> ids) =>
        connection.RunEach("DELETE FROM access_keys WHERE id = @id AND principal = @principal", ids.Select(id => new { id, principal }));
}
