using System.Data.Common;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>The statements by which lists come, page by page, and go, a few thousand rows at a time.</summary>
internal static class ListWrites
{
    /// <summary>Rows deleted in one write: some 20 ms.</summary>
    private const int DeletedAtOnce = 5000;

    /// <summary>Adds a page to entries that no list names yet; how many of them are new.</summary>
    public static int Append(DbConnection connection, long entries, IEnumerable<ListEntry> page)
    {
        Loosen(connection, entries);
        return connection.RunEach(
            "INSERT INTO list_entries (list, name, type, content) VALUES (@entries, @name, @type, @content) ON CONFLICT DO NOTHING",
            page.Select(entry => new { entries, name = entry.Name, type = entry.Type, content = entry.Content }));
    }

    /// <summary>From here on the list is these entries.</summary>
    public static void Put(DbConnection connection, OriginRepository at, string key, ListRow row, long cost)
    {
        var values = new
        {
            repository = at.Name.ToString(),
            key,
            origin = at.Origin.Id,
            entries = row.Entries,
            count = row.Count,
            cutAt = row.CutAt,
            cost,
            at = row.CheckedAt.ToUnixTimeMilliseconds(),
        };
        var before = connection.Rows(
            static row => (Entries: row.GetInt64(0), Cost: row.GetInt64(1)),
            "DELETE FROM lists WHERE repository = @repository AND key = @key AND origin = @origin RETURNING entries, cost",
            values);
        foreach (var old in before)
        {
            CatalogWrites.AddToTotal(connection, "list_bytes", -old.Cost);
            Loosen(connection, old.Entries);
        }

        connection.Run("DELETE FROM loose_entries WHERE list = @entries", values);
        connection.Run(
            """
            INSERT INTO lists (repository, key, origin, entries, count, cut_at, cost, checked_at)
            VALUES (@repository, @key, @origin, @entries, @count, @cutAt, @cost, @at)
            """,
            values);
        CatalogWrites.AddToTotal(connection, "list_bytes", cost);
    }

    /// <summary>No list names these entries (any more).</summary>
    public static void Loosen(DbConnection connection, long entries) =>
        connection.Run("INSERT INTO loose_entries (list) VALUES (@entries) ON CONFLICT DO NOTHING", new { entries });

    /// <summary>Deletes some of them; whether more are left.</summary>
    public static bool Sweep(DbConnection connection, long entries)
    {
        var deleted = connection.Run(
            """
            DELETE FROM list_entries
            WHERE list = @entries AND name IN (SELECT name FROM list_entries WHERE list = @entries ORDER BY name LIMIT @most)
            """,
            new { entries, most = DeletedAtOnce });
        if (deleted == DeletedAtOnce)
        {
            return true;
        }

        connection.Run("DELETE FROM loose_entries WHERE list = @entries", new { entries });
        return false;
    }
}
