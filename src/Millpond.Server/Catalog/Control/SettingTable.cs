using System.Data.Common;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Control;

/// <summary>One text of the control plane, such as a repository's policy or a rule made through the API.</summary>
/// <param name="Kind">What it is: <c>registry</c>, <c>repository-policy</c>, <c>rule</c>, <c>template</c>.</param>
/// <param name="Name">Whose it is.</param>
public sealed record SettingRow(string Kind, string Name, string Value, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>Documents that are kept, echoed and read whole: each is one text under a kind and a name.</summary>
public sealed class SettingTable
{
    private const string Columns = "kind, name, value, created_at, updated_at";

    private readonly ReadPool reads;
    private readonly CatalogWriter writer;

    internal SettingTable(ReadPool reads, CatalogWriter writer)
    {
        this.reads = reads;
        this.writer = writer;
    }

    public ValueTask<SettingRow?> FindAsync(string kind, string name) => reads.ReadAsync(connection => connection.FindAsync(
        $"SELECT {Columns} FROM control_settings WHERE kind = @k0 AND name = @k1",
        Read, kind, name));

    /// <summary>Those of a kind after a name, in the order of their names.</summary>
    public ValueTask<IReadOnlyList<SettingRow>> ListAsync(string kind, string after, int limit) => reads.ReadAsync(connection => connection.ListAsync(
        Read, $"SELECT {Columns} FROM control_settings WHERE kind = @kind AND name > @after ORDER BY name LIMIT @limit", new { kind, after, limit }));

    /// <summary>Sets it, keeping the time at which it was first set.</summary>
    public Task PutAsync(string kind, string name, string value, DateTimeOffset now) =>
        writer.WriteAsync(connection => Put(connection, kind, name, value, now), durable: true);

    /// <summary>Sets it where there is none; whether there was none.</summary>
    public async Task<bool> AddAsync(string kind, string name, string value, DateTimeOffset now)
    {
        var added = false;
        await writer.WriteAsync(
            connection => added = connection.Run(
                """
                INSERT INTO control_settings (kind, name, value, created_at, updated_at) VALUES (@kind, @name, @value, @now, @now)
                ON CONFLICT (kind, name) DO NOTHING
                """,
                new { kind, name, value, now = Times.Of(now) }) > 0,
            durable: true);
        return added;
    }

    /// <summary>Whether there was one.</summary>
    public async Task<bool> DeleteAsync(string kind, string name)
    {
        var deleted = false;
        await writer.WriteAsync(
            connection => deleted = Delete(connection, kind, name),
            durable: true);
        return deleted;
    }

    /// <summary>Those of some kinds under some names, the longest name first.</summary>
    internal static IReadOnlyList<SettingRow> ListAny(DbConnection connection, IReadOnlyList<string> kinds, IReadOnlyList<string> names) =>
    [
        .. names.SelectMany(name => kinds.SelectMany(kind => connection.Rows(Read, $"SELECT {Columns} FROM control_settings WHERE kind = @kind AND name = @name", new { kind, name })))
        .OrderByDescending(row => row.Name.Length).ThenBy(row => row.Name, StringComparer.Ordinal),
    ];

    internal static void Put(DbConnection connection, string kind, string name, string value, DateTimeOffset now) => connection.Run(
        """
        INSERT INTO control_settings (kind, name, value, created_at, updated_at) VALUES (@kind, @name, @value, @now, @now)
        ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
        """,
        new { kind, name, value, now = Times.Of(now) });

    internal static bool Delete(DbConnection connection, string kind, string name) =>
        connection.Run("DELETE FROM control_settings WHERE kind = @kind AND name = @name", new { kind, name }) > 0;

    /// <summary>Of <see cref="Columns"/>.</summary>
    private static SettingRow Read(DbDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetString(2), Times.Of(row.GetInt64(3)), Times.Of(row.GetInt64(4)));
}
