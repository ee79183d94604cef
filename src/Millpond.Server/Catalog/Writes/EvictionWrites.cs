using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>The statements by which pulls count for whole images, and by which manifests and lists go.</summary>
internal static class EvictionWrites
{
    /// <summary>Indexes that a pull of one platform counts for, the last pulled first: an attacker's may name it a thousand times.</summary>
    private const int MostParents = 64;

    private const string NewestParent =
        """
        SELECT c.parent FROM children c JOIN manifests m ON m.digest = c.parent
        WHERE c.digest = @digest ORDER BY m.pulled_at DESC, c.parent LIMIT 1
        """;

    private const string WholeImage =
        """
        WITH RECURSIVE image(digest) AS (
          SELECT CAST(@top AS TEXT) UNION SELECT c.digest FROM image i JOIN children c ON c.parent = i.digest
        )
        SELECT digest FROM image
        """;

    /// <summary>
    /// A pull of a digest is one of its image: of the manifest above it that was pulled last (a base layer is in thousands), of the index above
    /// that, and of all that these refer to. Times only go forward.
    /// </summary>
    public static void Pulled(DbConnection connection, string digest, long at)
    {
        OfManifest(connection, digest, at);
        var top = digest;
        for (var level = 0; level < 2 && connection.FindText(NewestParent, new { digest = top }) is { } parent; level++)
        {
            top = parent;
        }

        var values = new { digest, top, at };
        foreach (var table in new[] { "blobs", "manifests" })
        {
            connection.Run($"UPDATE {table} SET pulled_at = @at WHERE pulled_at < @at AND digest IN ({WholeImage})", values);
            connection.Run($"UPDATE {table} SET pulled_at = @at WHERE pulled_at < @at AND digest = @digest", values);
        }
    }

    /// <summary>A manifest is pulled for its index, of whichever there are some, and for what it says something of: none of these is idle then.</summary>
    private static void OfManifest(DbConnection connection, string digest, long at)
    {
        var values = new { digest, at, most = MostParents };
        if (connection.FindNumber("SELECT 1 FROM manifests WHERE digest = @digest", values) is null)
        {
            return;
        }

        connection.Run(
            """
            UPDATE manifests SET pulled_at = @at WHERE pulled_at < @at AND digest IN (
              SELECT c.parent FROM children c CROSS JOIN manifests m WHERE c.digest = @digest AND m.digest = c.parent ORDER BY m.pulled_at DESC LIMIT @most)
            """,
            values);
        connection.Run("UPDATE manifests SET pulled_at = @at WHERE pulled_at < @at AND digest = (SELECT subject FROM manifests WHERE digest = @digest)", values);
    }

    /// <summary>
    /// The manifest with its bytes, tags and links; and the links of its children that are neither stored nor named by another manifest here.
    /// Only where it was neither pulled nor pushed after its turn had come.
    /// </summary>
    /// <returns>The links it had and the tags that meant it; null where it stays.</returns>
    public static RemovedManifest? RemoveManifest(DbConnection connection, Digest digest, DateTimeOffset pulledAt, bool evenLastCopies)
    {
        var key = new { digest = digest.ToString(), at = pulledAt.ToUnixTimeMilliseconds(), keeps = KeptBits(evenLastCopies) };
        const string Manifest =
            """
            DELETE FROM manifests WHERE digest = @digest AND pulled_at <= @at AND (kept & @keeps) = 0
              AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = @digest AND l.origin = 0) RETURNING cost
            """;
        if (connection.FindNumber(Manifest, key) is not { } cost)
        {
            return null;
        }

        CatalogWrites.AddToTotal(connection, "manifest_bytes", -cost);
        connection.Run("DELETE FROM manifest_bytes WHERE digest = @digest", key);
        var links = connection.Rows(static row => (Repository: row.GetString(0), Origin: row.GetInt64(1)), "DELETE FROM links WHERE digest = @digest RETURNING repository, origin", key);
        foreach (var link in links)
        {
            LifecycleWrites.Forget(connection, new(RepositoryName.Parse(link.Repository), new(link.Origin), null), digest);
        }

        connection.Run(
            """
            DELETE FROM links WHERE origin <> 0 AND digest IN (SELECT digest FROM children WHERE parent = @digest)
              AND NOT EXISTS (SELECT 1 FROM children c WHERE c.digest = links.digest AND c.parent <> @digest)
              AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.digest = links.digest)
              AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = links.digest)
            """,
            key);
        connection.Run("DELETE FROM children WHERE parent = @digest", key);
        connection.Run("DELETE FROM incomplete WHERE digest = @digest", key);
        var tags = connection.Rows(
            static row => (Repository: row.GetString(0), Origin: row.GetInt64(1), Tag: row.GetString(2)),
            "DELETE FROM tags WHERE digest = @digest AND origin <> 0 RETURNING repository, origin, tag", key);
        return new RemovedManifest(
            [.. links.Select(link => (RepositoryName.Parse(link.Repository), new Origin(link.Origin)))],
            [.. tags.Select(tag => (RepositoryName.Parse(tag.Repository), new Origin(tag.Origin), tag.Tag))]);
    }

    /// <summary>What of <c>kept</c> keeps a row from eviction.</summary>
    public static long KeptBits(bool evenLastCopies) => (long)(evenLastCopies ? KeptFor.Pin | KeptFor.Push : KeptFor.Pin | KeptFor.Push | KeptFor.LastCopy);

    public static void RemoveList(DbConnection connection, long entries)
    {
        var cost = connection.FindNumber("DELETE FROM lists WHERE entries = @entries RETURNING cost", new { entries });
        if (cost is not null)
        {
            CatalogWrites.AddToTotal(connection, "list_bytes", -cost.Value);
            ListWrites.Loosen(connection, entries);
        }
    }
}
