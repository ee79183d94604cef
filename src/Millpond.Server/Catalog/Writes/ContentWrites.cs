using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>The statements by which clients' pushes and deletes change a repository. They may be repeated, as all writes.</summary>
internal static class ContentWrites
{
    /// <summary>More of them are not looked for: one is enough to refuse a manifest.</summary>
    private const int MostMissing = 20;

    public static int PutRepository(DbConnection connection, OriginRepository at, DateTimeOffset now) => connection.Run(
        "INSERT INTO repositories (name, origin, rule, made_at) VALUES (@name, @origin, @rule, @now) ON CONFLICT DO NOTHING",
        new { name = at.Name.ToString(), origin = at.Origin.Id, rule = at.Rule, now = now.ToUnixTimeMilliseconds() });

    public static void PutLink(DbConnection connection, OriginRepository at, Digest digest, LinkKinds kind, DateTimeOffset now)
    {
        // Pushed again, an archived image is restored.
        if (kind == LinkKinds.Manifest && LifecycleWrites.Restore(connection, at, digest, now))
        {
            return;
        }

        // What was a blob until now is an image since now.
        connection.Run(
            """
            INSERT INTO links (digest, repository, origin, kinds, linked_at, renewed_at) VALUES (@digest, @repository, @origin, @kind, @now, @now)
            ON CONFLICT (digest, repository, origin) DO UPDATE SET kinds = links.kinds | excluded.kinds, renewed_at = excluded.renewed_at,
              linked_at = CASE WHEN (excluded.kinds & 2) <> 0 AND (links.kinds & 2) = 0 THEN excluded.linked_at ELSE links.linked_at END
            """,
            Key(at, digest, kind, now));
        Linked(connection, at, digest);
    }

    /// <summary>The digest has a link again, or another one.</summary>
    public static void Linked(DbConnection connection, OriginRepository at, Digest digest)
    {
        GarbageWrites.Referenced(connection, digest);
        if (at.Origin == Origin.None)
        {
            KeptWrites.Pushed(connection, digest.ToString());
        }
    }

    /// <summary>Some digests that belong to the repository.</summary>
    public static IReadOnlyList<Digest> SomeOf(DbConnection connection, OriginRepository at, int most) =>
    [
        .. connection.Texts(
            "SELECT digest FROM links WHERE repository = @repository AND origin = @origin ORDER BY digest LIMIT @most",
            new { repository = at.Name.ToString(), origin = at.Origin.Id, most }).Select(digest => Digest.Parse(digest)),
    ];

    public static void RemoveLinks(DbConnection connection, OriginRepository at, IReadOnlyList<Digest> digests)
    {
        connection.RunEach(
            "DELETE FROM links WHERE digest = @digest AND repository = @repository AND origin = @origin", digests.Select(digest => Key(at, digest, LinkKinds.Both)));
        foreach (var digest in at.Origin == Origin.None ? digests : [])
        {
            KeptWrites.PushGone(connection, digest.ToString());
        }
    }

    /// <summary>The repository with what is by its name.</summary>
    public static void RemoveRepository(DbConnection connection, OriginRepository at)
    {
        var key = new { name = at.Name.ToString(), origin = at.Origin.Id };
        connection.Run("DELETE FROM tags WHERE repository = @name AND origin = @origin", key);
        connection.Run("DELETE FROM incomplete WHERE repository = @name", key);
        LifecycleWrites.Forget(connection, at);
        connection.Run("DELETE FROM repositories WHERE name = @name AND origin = @origin", key);
    }

    /// <summary>Those of the digests that the repository does not have as this kind, or that are not here.</summary>
    public static List<Digest> Missing(DbConnection connection, OriginRepository at, IEnumerable<Digest> digests, LinkKinds kind)
    {
        var table = kind == LinkKinds.Blob ? "blobs" : "manifests";
        var sql =
            $"""
            SELECT 1 FROM links l JOIN {table} t ON t.digest = l.digest
            WHERE l.digest = @digest AND l.repository = @repository AND l.origin = @origin AND (l.kinds & @kind) <> 0
            """;
        return [.. digests.Where(digest => connection.FindNumber(sql, Key(at, digest, kind)) is null).Take(MostMissing)];
    }

    /// <summary>Whether bytes of this length are listed, for a blob that is to be linked without being sent.</summary>
    public static bool IsStored(DbConnection connection, Digest digest, long size) =>
        connection.FindNumber("SELECT 1 FROM blobs WHERE digest = @digest AND size = @size", new { digest = digest.ToString(), size }) is not null;

    public static string MediaTypeOf(DbConnection connection, Digest digest) =>
        connection.FindText("SELECT media_type FROM manifests WHERE digest = @digest", new { digest = digest.ToString() })!;

    /// <summary>Whether the tag is there and means something else.</summary>
    public static bool IsHeld(DbConnection connection, OriginRepository at, string tag, Digest digest) => connection.FindNumber(
        "SELECT 1 FROM tags WHERE repository = @repository AND tag = @tag AND origin = @origin AND digest <> @digest",
        new { repository = at.Name.ToString(), tag, origin = at.Origin.Id, digest = digest.ToString() }) is not null;

    public static bool DeleteTag(DbConnection connection, OriginRepository at, string tag) => connection.Run(
        "DELETE FROM tags WHERE repository = @repository AND tag = @tag AND origin = @origin",
        new { repository = at.Name.ToString(), tag, origin = at.Origin.Id }) > 0;

    /// <summary>The tags of the repository that mean the digest go; which.</summary>
    public static IReadOnlyList<string> DeleteTagsOf(DbConnection connection, OriginRepository at, Digest digest)
    {
        LifecycleWrites.Forget(connection, at, digest);
        return connection.Texts(
            "DELETE FROM tags WHERE digest = @digest AND repository = @repository AND origin = @origin RETURNING tag",
            Key(at, digest, LinkKinds.Manifest));
    }

    /// <summary>A manifest of the repository that names the digest as what belongs wherever it belongs; an empty digest where there is none.</summary>
    public static Digest FindNeeding(DbConnection connection, OriginRepository at, Digest digest) => connection.FindText(
        """
        SELECT c.parent FROM children c CROSS JOIN links l ON l.digest = c.parent
        WHERE c.digest = @digest AND c.linked_with_parent = 1 AND l.repository = @repository AND l.origin = @origin AND (l.kinds & 6) <> 0
        ORDER BY c.parent LIMIT 1
        """,
        Key(at, digest, LinkKinds.Manifest)) is { } parent ? Digest.Parse(parent) : default;

    /// <summary>The digest belongs to the repository as this kind no more; false where it did not.</summary>
    public static bool Unlink(DbConnection connection, OriginRepository at, Digest digest, LinkKinds kind)
    {
        // An archived manifest is one too.
        var key = Key(at, digest, kind == LinkKinds.Manifest ? LinkKinds.Manifest | LinkKinds.Archived : kind);
        const string Where = "digest = @digest AND repository = @repository AND origin = @origin AND (kinds & @kind) <> 0";
        var table = kind == LinkKinds.Blob ? "blobs" : "manifests";
        if (connection.FindNumber($"SELECT 1 FROM links WHERE {Where} AND (origin <> 0 OR digest IN (SELECT digest FROM {table}))", key) is null)
        {
            return false;
        }

        // What was pulled counts as both and goes with either.
        connection.Run($"UPDATE links SET kinds = kinds & ~@kind WHERE {Where} AND origin = 0", key);
        connection.Run("DELETE FROM links WHERE digest = @digest AND repository = @repository AND origin = @origin AND (kinds = 0 OR origin <> 0)", key);
        if (at.Origin == Origin.None)
        {
            KeptWrites.PushGone(connection, digest.ToString());
        }

        return true;
    }

    /// <summary>Whether no repository has the digest any more; since when is written down.</summary>
    public static bool IsLoose(DbConnection connection, Digest digest, DateTimeOffset now)
    {
        GarbageWrites.Unreferenced(connection, digest.ToString(), now.ToUnixTimeMilliseconds());
        return connection.FindNumber("SELECT 1 FROM links WHERE digest = @digest LIMIT 1", new { digest = digest.ToString() }) is null;
    }

    /// <summary>A manifest that no repository has goes with its bytes; false where one has it.</summary>
    public static bool RemoveLooseManifest(DbConnection connection, Digest digest)
    {
        var key = new { digest = digest.ToString() };
        var cost = connection.FindNumber(
            """
            DELETE FROM manifests
            WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = @digest AND (l.kinds & 6) <> 0) RETURNING cost
            """,
            key);
        if (cost is null)
        {
            return false;
        }

        CatalogWrites.AddToTotal(connection, "manifest_bytes", -cost.Value);
        connection.Run("DELETE FROM manifest_bytes WHERE digest = @digest", key);
        connection.Run("DELETE FROM children WHERE parent = @digest", key);
        connection.Run("DELETE FROM incomplete WHERE digest = @digest", key);
        return true;
    }

    private static ContentKey Key(OriginRepository at, Digest digest, LinkKinds kind, DateTimeOffset now = default) =>
        new(digest.ToString(), at.Name.ToString(), at.Origin.Id, (long)kind, now.ToUnixTimeMilliseconds());

    private sealed record ContentKey(string Digest, string Repository, long Origin, long Kind, long Now);
}
