using System.Data.Common;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Collection;

/// <summary>
/// The statements of the column <c>kept</c>: eviction reads only rows in which it is 0. It says no more than what links, pins and last copies
/// say, so that eviction never walks past them; a wrong one costs time or waits for the next pass, never a pushed blob.
/// </summary>
internal static class KeptWrites
{
    private static readonly string[] Tables = ["manifests", "blobs"];

    /// <summary>What a new row of a digest is kept for: a push, and what a manifest above it is kept for. The last is looked up only where anything is.</summary>
    public const string OfNewRow =
        """
        (CASE WHEN EXISTS (SELECT 1 FROM links WHERE digest = @digest AND origin = 0) THEN 2 ELSE 0 END)
        | (CASE WHEN EXISTS (SELECT 1 FROM kept_images) THEN
            (SELECT coalesce(max(m.kept & 1), 0) | coalesce(max(m.kept & 4), 0) FROM children c CROSS JOIN manifests m WHERE c.digest = @digest AND m.digest = c.parent)
            | (SELECT coalesce(sum(why), 0) FROM kept_images WHERE digest = @digest)
          ELSE 0 END)
        """;

    /// <summary>The digest is linked by a push.</summary>
    public static void Pushed(DbConnection connection, string digest)
    {
        foreach (var table in Tables)
        {
            connection.Run($"UPDATE {table} SET kept = kept | 2 WHERE digest = @digest AND (kept & 2) = 0", new { digest });
        }
    }

    /// <summary>A link by a push is gone.</summary>
    public static void PushGone(DbConnection connection, string digest)
    {
        foreach (var table in Tables)
        {
            connection.Run(
                $"UPDATE {table} SET kept = kept & ~2 WHERE digest = @digest AND (kept & 2) <> 0 AND NOT EXISTS (SELECT 1 FROM links WHERE digest = @digest AND origin = 0)",
                new { digest });
        }
    }

    /// <summary>The manifest is kept for this, by itself.</summary>
    public static void PutRoot(DbConnection connection, string digest, KeptFor why) => connection.Run(
        "INSERT INTO kept_images (digest, why) SELECT @digest, @why WHERE EXISTS (SELECT 1 FROM manifests WHERE digest = @digest) ON CONFLICT DO NOTHING",
        new { digest, why = (long)why });

    public static void RemoveRoot(DbConnection connection, string digest, KeptFor why) =>
        connection.Run("DELETE FROM kept_images WHERE digest = @digest AND why = @why", new { digest, why = (long)why });

    /// <summary>A manifest that is kept by itself or by one above it, and what it names.</summary>
    public static void Keep(DbConnection connection, string digest, KeptFor why)
    {
        var values = new { digest, why = (long)why };
        const string IsKept =
            """
            (EXISTS (SELECT 1 FROM kept_images WHERE digest = @digest AND why = @why) OR EXISTS (
              SELECT 1 FROM children c CROSS JOIN manifests m WHERE c.digest = @digest AND m.digest = c.parent AND (m.kept & @why) <> 0))
            """;
        connection.Run($"UPDATE manifests SET kept = kept | @why WHERE digest = @digest AND (kept & @why) = 0 AND {IsKept}", values);
        foreach (var table in Tables)
        {
            connection.Run(
                $"""
                UPDATE {table} SET kept = kept | @why
                WHERE digest IN (SELECT digest FROM children WHERE parent = @digest) AND (kept & @why) = 0
                  AND EXISTS (SELECT 1 FROM manifests WHERE digest = @digest AND (kept & @why) <> 0)
                """,
                values);
        }
    }

    /// <summary>A digest that is kept no more, unless by itself or by a manifest above it.</summary>
    public static void Release(DbConnection connection, string digest, KeptFor why)
    {
        foreach (var table in Tables)
        {
            connection.Run(
                $"""
                UPDATE {table} SET kept = kept & ~@why
                WHERE digest = @digest AND (kept & @why) <> 0
                  AND NOT EXISTS (SELECT 1 FROM kept_images WHERE digest = @digest AND why = @why)
                  AND NOT EXISTS (SELECT 1 FROM children c CROSS JOIN manifests m WHERE c.digest = @digest AND m.digest = c.parent AND (m.kept & @why) <> 0)
                """,
                new { digest, why = (long)why });
        }
    }
}
