using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Catalog.Writes;

namespace Millpond.Server.Catalog.Expiry;

/// <summary>
/// The statements by which images expire, are archived and restored. What has changed since it was decided is left alone. They may be repeated, as all
/// writes.
/// </summary>
internal static class LifecycleWrites
{
    /// <summary>Referrers that go in one transaction with their subject; where there are more, it stays until the rest has gone.</summary>
    private const int MostFollowers = 100;

    private const string Where = "digest = @digest AND repository = @repository AND origin = @origin";

    /// <summary>Tags that mean the digest, also where it is archived; a tag that was pushed anew since means the new image.</summary>
    internal const string Tags =
        """
        SELECT tag FROM tags WHERE digest = @digest AND repository = @repository AND origin = @origin
        UNION SELECT a.tag FROM archived_tags a WHERE a.digest = @digest AND a.repository = @repository AND a.origin = @origin
          AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = @repository AND t.tag = a.tag AND t.origin = @origin)
        ORDER BY tag
        """;

    /// <summary>Manifests of the repository that speak of the digest.</summary>
    internal const string Followers =
        """
        SELECT m.digest FROM manifests m CROSS JOIN links l ON l.digest = m.digest AND l.repository = @repository AND l.origin = @origin
        WHERE m.subject = @digest AND (l.kinds & 6) <> 0 ORDER BY m.digest LIMIT @limit
        """;

    private const string AsDecided =
        """
        SELECT 1 FROM links l CROSS JOIN manifests m ON m.digest = l.digest
        WHERE l.digest = @digest AND l.repository = @repository AND l.origin = @origin AND (l.kinds & 6) = @kinds
          AND CASE WHEN l.linked_at = 0 THEN m.stored_at ELSE l.linked_at END = @pushedAt
          AND coalesce(l.activated_at, 0) = @activatedAt AND (@mayBePulled = 1 OR m.pulled_at <= @pulledAt)
        """;

    /// <summary>Out of the repository, with its tags and what speaks of it; null where it is not as it was, or the rest of its referrers must go first.</summary>
    public static List<Digest>? Expire(DbConnection connection, OriginRepository at, Departure departure, List<string> tags, DateTimeOffset now)
    {
        if (!IsAsDecided(connection, at, departure))
        {
            return null;
        }

        var gone = new List<Digest>();
        var isAlone = TakeFollowers(connection, at, departure.Image.Digest, gone, tags, now);
        if (isAlone)
        {
            Take(connection, at, departure.Image.Digest, gone, tags, now);
        }

        return isAlone ? gone : Partly(gone);
    }

    /// <summary>To the archive, with its referrers; null where it is not as it was.</summary>
    public static List<Digest>? Archive(DbConnection connection, OriginRepository at, Departure departure, List<string> tags, DateTimeOffset now)
    {
        if (!IsAsDecided(connection, at, departure))
        {
            return null;
        }

        var gone = new List<Digest>();
        Put(departure.Image.Digest);
        foreach (var follower in connection.Texts(Followers, Key(at, departure.Image.Digest, limit: MostFollowers)))
        {
            Put(Digest.Parse(follower));
        }

        return gone;

        void Put(Digest digest)
        {
            var key = Key(at, digest, now: now);

            // What was pulled counts as both kinds, and is kept from pulls as both.
            if (connection.Run(
                $"UPDATE links SET kinds = CASE WHEN origin = 0 THEN (kinds & ~2) | 4 ELSE 4 END, archived_at = @now WHERE {Where} AND (kinds & 2) <> 0", key) == 0)
            {
                return;
            }

            connection.Run(
                $"""
                INSERT INTO archived_tags (repository, tag, origin, digest) SELECT repository, tag, origin, digest FROM tags WHERE {Where}
                ON CONFLICT (repository, tag, origin) DO UPDATE SET digest = excluded.digest
                """,
                key);
            tags.AddRange(connection.Texts($"DELETE FROM tags WHERE {Where} RETURNING tag", key));
            connection.Run($"DELETE FROM held WHERE {Where}", key);
            gone.Add(digest);
        }
    }

    /// <summary>Out of the archive, with the tags that nothing else has taken since; false where it is not archived.</summary>
    public static bool Restore(DbConnection connection, OriginRepository at, Digest digest, DateTimeOffset now)
    {
        var key = Key(at, digest, now: now);
        if (connection.Run(
            $"UPDATE links SET kinds = CASE WHEN origin = 0 THEN (kinds & ~4) | 2 ELSE 3 END, activated_at = @now WHERE {Where} AND (kinds & 4) <> 0", key) == 0)
        {
            return false;
        }

        // Of a cache their check is due.
        connection.Run(
            $"INSERT INTO tags (repository, tag, origin, digest, checked_at) SELECT repository, tag, origin, digest, 0 FROM archived_tags WHERE {Where} ON CONFLICT DO NOTHING", key);
        connection.Run($"DELETE FROM archived_tags WHERE {Where}", key);
        return true;
    }

    /// <summary>What is said of the digest in this repository beside its link.</summary>
    public static void Forget(DbConnection connection, OriginRepository at, Digest digest)
    {
        var key = Key(at, digest);
        connection.Run($"DELETE FROM archived_tags WHERE {Where}", key);
        connection.Run($"DELETE FROM held WHERE {Where}", key);
    }

    /// <summary>What is said of the repository.</summary>
    public static void Forget(DbConnection connection, OriginRepository at)
    {
        var key = new { repository = at.Name.ToString(), origin = at.Origin.Id };
        connection.Run("DELETE FROM archived_tags WHERE repository = @repository AND origin = @origin", key);
        connection.Run("DELETE FROM held WHERE repository = @repository AND origin = @origin", key);
        connection.Run("DELETE FROM evaluations WHERE repository = @repository", key);
    }

    public static void PutHeld(DbConnection connection, HeldRow row) => connection.Run(
        """
        INSERT INTO held (repository, origin, digest, priority, reason, failing, since, asked_at, next_at, tries)
        SELECT @repository, @origin, @digest, @priority, @reason, @failing, @since, @askedAt, @nextAt, @tries
        WHERE EXISTS (SELECT 1 FROM links l WHERE l.digest = @digest AND l.repository = @repository AND l.origin = @origin)
        ON CONFLICT (repository, origin, digest) DO UPDATE SET
          priority = excluded.priority, reason = excluded.reason, failing = excluded.failing, asked_at = excluded.asked_at, next_at = excluded.next_at, tries = excluded.tries
        """,
        new
        {
            repository = row.At.Name.ToString(),
            origin = row.At.Origin.Id,
            digest = row.Digest.ToString(),
            priority = row.Priority,
            reason = row.Reason,
            failing = row.IsFailing ? 1 : 0,
            since = row.Since.ToUnixTimeMilliseconds(),
            askedAt = row.AskedAt.ToUnixTimeMilliseconds(),
            nextAt = row.NextAt.ToUnixTimeMilliseconds(),
            tries = row.Tries,
        });

    private static bool IsAsDecided(DbConnection connection, OriginRepository at, Departure departure)
    {
        var image = departure.Image;
        return connection.FindNumber(
                AsDecided,
                new
                {
                    digest = image.Digest.ToString(),
                    repository = at.Name.ToString(),
                    origin = at.Origin.Id,
                    kinds = image.IsArchived ? 4 : 2,
                    pushedAt = image.PushedAt,
                    activatedAt = image.ActivatedAt,
                    mayBePulled = departure.MayBePulled ? 1 : 0,
                    pulledAt = image.PulledAt,
                }) is not null
            && connection.Texts(Tags, Key(at, image.Digest)).SequenceEqual(image.Tags)
            && ContentWrites.FindNeeding(connection, at, image.Digest).IsEmpty;
    }

    /// <summary>False where some are left.</summary>
    private static bool TakeFollowers(DbConnection connection, OriginRepository at, Digest digest, List<Digest> gone, List<string> tags, DateTimeOffset now)
    {
        foreach (var text in connection.Texts(Followers, Key(at, digest, limit: MostFollowers + 1)))
        {
            var follower = Digest.Parse(text);
            if (!ContentWrites.FindNeeding(connection, at, follower).IsEmpty)
            {
                // An index names it: it goes after that.
                continue;
            }

            if (gone.Count >= MostFollowers || !TakeFollowers(connection, at, follower, gone, tags, now))
            {
                return false;
            }

            Take(connection, at, follower, gone, tags, now);
        }

        return true;
    }

    private static void Take(DbConnection connection, OriginRepository at, Digest digest, List<Digest> gone, List<string> tags, DateTimeOffset now)
    {
        var key = Key(at, digest, now: now);
        tags.AddRange(connection.Texts($"DELETE FROM tags WHERE {Where} RETURNING tag", key));
        Forget(connection, at, digest);

        // As a blob it may still belong to what was pushed; what was pulled counts as both and goes with either.
        connection.Run($"UPDATE links SET kinds = kinds & ~6 WHERE {Where} AND origin = 0", key);
        connection.Run($"DELETE FROM links WHERE {Where} AND (kinds = 0 OR origin <> 0)", key);
        connection.Run("DELETE FROM incomplete WHERE repository = @repository AND digest = @digest", key);
        if (at.Origin == Origin.None)
        {
            KeptWrites.PushGone(connection, digest.ToString());
        }

        // Its bytes stay for the grace from now on.
        GarbageWrites.UnreferencedManifest(connection, digest.ToString(), now);
        gone.Add(digest);
    }

    /// <summary>What went of its referrers is told, and the image comes again.</summary>
    private static List<Digest>? Partly(List<Digest> gone) => gone.Count > 0 ? gone : null;

    private static ImageKey Key(OriginRepository at, Digest digest, int limit = 0, DateTimeOffset now = default) =>
        new(digest.ToString(), at.Name.ToString(), at.Origin.Id, limit, now.ToUnixTimeMilliseconds());

    private sealed record ImageKey(string Digest, string Repository, long Origin, int Limit, long Now);
}
