using System.Data.Common;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Control;

/// <summary>All that is sealed in the catalog, wherever it stands: values of the server's own by name, keys of principals, versions of secrets.</summary>
public sealed class SealedTable
{
    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal SealedTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    /// <summary>A value of the server's own.</summary>
    public ValueTask<byte[]?> FindAsync(string name) =>
        reads.ReadAsync(connection => connection.FindAsync("SELECT content FROM sealed_values WHERE name = @k0", row => row.GetFieldValue<byte[]>(0), name));

    public Task PutAsync(string name, byte[] content) => writer.WriteAsync(
        connection => connection.Run(
            "INSERT INTO sealed_values (name, content) VALUES (@name, @content) ON CONFLICT (name) DO UPDATE SET content = excluded.content", new { name, content }),
        durable: true);

    /// <summary>Seals all of it anew in one transaction; how many values that were.</summary>
    /// <param name="again">From what something is sealed for, and what is sealed, to the same sealed anew.</param>
    public async Task<int> ResealAsync(Func<string, byte[], byte[]> again)
    {
        var count = 0;
        await writer.WriteAsync(
            connection =>
            {
                count = 0;
                foreach (var (name, content) in connection.Rows(static row => (Name: row.GetString(0), Content: row.GetFieldValue<byte[]>(1)), "SELECT name, content FROM sealed_values"))
                {
                    count += connection.Run("UPDATE sealed_values SET content = @content WHERE name = @name", new { name, content = again(PurposeOfValue(name), content) });
                }

                foreach (var (id, content) in connection.Rows(static row => (Id: row.GetString(0), Content: row.GetFieldValue<byte[]>(1)), "SELECT id, sealed FROM access_keys"))
                {
                    count += connection.Run("UPDATE access_keys SET sealed = @content WHERE id = @id", new { id, content = again(PurposeOfKey(id), content) });
                }

                count += ResealVersions(connection, again);
            },
            durable: true);
        return count;
    }

    /// <summary>What a value of the server's own is sealed for.</summary>
    public static string PurposeOfValue(string name) => $"value/{name}";

    /// <summary>What the secret of an access key is sealed for.</summary>
    public static string PurposeOfKey(string id) => $"access-key/{id}";

    /// <summary>What a version of a secret is sealed for.</summary>
    public static string PurposeOfVersion(string arn, string version) => $"secret/{arn}/{version}";

    private static int ResealVersions(DbConnection connection, Func<string, byte[], byte[]> again)
    {
        var count = 0;
        foreach (var (arn, version) in connection.Rows(static row => (Arn: row.GetString(0), Version: row.GetString(1)), "SELECT secret, version FROM secret_versions"))
        {
            // One at a time: a value may have 64 KiB, and there may be many.
            var content = connection.Rows(static row => row.GetFieldValue<byte[]>(0), "SELECT sealed FROM secret_versions WHERE secret = @arn AND version = @version", new { arn, version }).Single();
            count += connection.Run(
                "UPDATE secret_versions SET sealed = @content WHERE secret = @arn AND version = @version",
                new { arn, version, content = again(PurposeOfVersion(arn, version), content) });
        }

        return count;
    }
}
