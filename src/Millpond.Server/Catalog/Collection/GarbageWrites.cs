using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Collection;

/// <summary>
/// The statements by which links, manifests and marks go. Each looks again at what made it garbage: between a pass's look and its write the
/// link may be needed again.
/// </summary>
internal static class GarbageWrites
{
    /// <summary>
    /// Of a row of <c>links</c>: no manifest that belongs to the same repository by the same origin names it. CROSS JOIN keeps SQLite from walking
    /// through all of the repository's links instead of the digest's few parents.
    /// </summary>
    public const string NotNamed =
        """
        NOT EXISTS (
          SELECT 1 FROM children c CROSS JOIN links p
          WHERE c.digest = links.digest AND p.digest = c.parent AND p.repository = links.repository AND p.origin = links.origin AND (p.kinds & 6) <> 0)
        """;

    /// <summary>Of a link that is no manifest's: whether it is of no use. A pushed one stays a day after its upload, mount or last HEAD.</summary>
    public const string UselessBlob = $"(links.origin <> 0 OR links.renewed_at <= @renewed) AND {NotNamed}";

    /// <summary>
    /// Of a link to a manifest: it was pulled and is not archived, no tag means it, no index and no subject keeps it, and nobody has pulled it for long. The plus keeps
    /// SQLite from walking through all tags of the repository.
    /// </summary>
    public const string IdleManifest =
        $"""
        links.origin <> 0 AND (links.kinds & 4) = 0
          AND EXISTS (SELECT 1 FROM manifests m WHERE m.digest = links.digest AND m.pulled_at <= @idle AND (m.kept & 5) = 0)
          AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.digest = links.digest AND +t.repository = links.repository AND +t.origin = links.origin)
          AND {NotNamed}
          AND NOT EXISTS (
            SELECT 1 FROM manifests s CROSS JOIN links q
            WHERE s.digest = links.digest AND q.digest = s.subject AND q.repository = links.repository AND q.origin = links.origin)
        """;

    private const string ThisLink = "digest = @digest AND repository = @repository AND origin = @origin";

    public static void Mark(DbConnection connection, IEnumerable<LinkKey> links, DateTimeOffset now) => connection.RunEach(
        "INSERT INTO unneeded_links (digest, repository, origin, since) VALUES (@digest, @repository, @origin, @now) ON CONFLICT DO NOTHING",
        links.Select(link => Values(link, now)));

    /// <summary>Marks of links that are needed again or gone go; those of a clock that was ahead begin now.</summary>
    public static void Unmark(DbConnection connection, IEnumerable<LinkKey> links) =>
        connection.RunEach($"DELETE FROM unneeded_links WHERE {ThisLink}", links.Select(link => Values(link, default)));

    public static void Restart(DbConnection connection, DateTimeOffset now)
    {
        foreach (var table in (string[])["unneeded_links", "unreferenced"])
        {
            connection.Run($"UPDATE {table} SET since = @now WHERE since > @now", new { now = now.ToUnixTimeMilliseconds() });
        }
    }

    /// <summary>The link of a blob that was marked for long enough and is still of no use; false where it stays.</summary>
    public static bool RemoveUseless(DbConnection connection, LinkKey link, DateTimeOffset before, DateTimeOffset renewed, DateTimeOffset now)
    {
        var values = Values(link, now, before, renewed);
        var since = connection.FindNumber($"SELECT since FROM unneeded_links WHERE {ThisLink} AND since <= @before", values);
        if (since is null
            || connection.Run($"DELETE FROM links WHERE {ThisLink} AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = links.digest) AND {UselessBlob}", values) == 0)
        {
            return false;
        }

        connection.Run($"DELETE FROM unneeded_links WHERE {ThisLink}", values);
        Unlinked(connection, link, since.Value);
        return true;
    }

    /// <summary>The link of a pulled manifest that nothing keeps; false where it stays.</summary>
    public static bool RemoveIdle(DbConnection connection, LinkKey link, DateTimeOffset idle, DateTimeOffset now)
    {
        var values = new { digest = link.Digest, repository = link.Repository, origin = link.Origin, idle = idle.ToUnixTimeMilliseconds() };
        if (connection.Run($"DELETE FROM links WHERE {ThisLink} AND {IdleManifest}", values) == 0)
        {
            return false;
        }

        connection.Run("DELETE FROM incomplete WHERE repository = @repository AND digest = @digest", values);
        Unlinked(connection, link, now.ToUnixTimeMilliseconds());
        return true;
    }

    /// <summary>Nothing refers to the digest from now on, where no repository has it.</summary>
    public static void Unreferenced(DbConnection connection, string digest, long since) => connection.Run(
        """
        INSERT INTO unreferenced (digest, since) SELECT @digest, @since WHERE NOT EXISTS (SELECT 1 FROM links WHERE digest = @digest)
        ON CONFLICT DO NOTHING
        """,
        new { digest, since });

    /// <summary>Manifests that no repository has as one, whatever else has the digest.</summary>
    public static void UnreferencedManifest(DbConnection connection, string digest, DateTimeOffset now) => connection.Run(
        """
        INSERT INTO unreferenced (digest, since) SELECT @digest, @now
        WHERE NOT EXISTS (SELECT 1 FROM links WHERE digest = @digest AND (kinds & 6) <> 0)
        ON CONFLICT DO NOTHING
        """,
        new { digest, now = now.ToUnixTimeMilliseconds() });

    public static void Referenced(DbConnection connection, Digest digest) =>
        connection.Run("DELETE FROM unreferenced WHERE digest = @digest", new { digest = digest.ToString() });

    /// <summary>A manifest that no repository has had for long enough goes with its bytes; false where it stays.</summary>
    public static bool RemoveManifest(DbConnection connection, Digest digest, DateTimeOffset before) =>
        connection.FindNumber(
            "SELECT 1 FROM unreferenced WHERE digest = @digest AND since <= @before", new { digest = digest.ToString(), before = before.ToUnixTimeMilliseconds() }) is not null
        && ContentWrites.RemoveLooseManifest(connection, digest);

    private static void Unlinked(DbConnection connection, LinkKey link, long since)
    {
        if (link.Origin == Origin.None.Id)
        {
            KeptWrites.PushGone(connection, link.Digest);
        }

        Unreferenced(connection, link.Digest, since);
    }

    private static LinkValues Values(LinkKey link, DateTimeOffset now, DateTimeOffset before = default, DateTimeOffset renewed = default) => new(
        link.Digest, link.Repository, link.Origin, now.ToUnixTimeMilliseconds(), before.ToUnixTimeMilliseconds(), renewed.ToUnixTimeMilliseconds());

    private sealed record LinkValues(string Digest, string Repository, long Origin, long Now, long Before, long Renewed);
}
