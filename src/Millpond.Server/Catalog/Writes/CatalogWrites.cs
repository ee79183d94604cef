using System.Data.Common;
using Millpond.Images;
using Millpond.Server.Catalog.Collection;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Catalog.Sql;

namespace Millpond.Server.Catalog.Writes;

/// <summary>
/// The statements of each write. Every one may be repeated: a group of writes whose transaction was lost is written again. Nothing is read
/// to be written back: what depends on a row's state is a condition of the statement.
/// </summary>
internal static class CatalogWrites
{
    /// <summary>What a row of <c>children</c> takes with its index.</summary>
    private const int ChildCost = 200;

    /// <summary>By which rule the repository is pulled now.</summary>
    public static void PutRule(DbConnection connection, OriginRepository at) => connection.Run(
        "UPDATE repositories SET rule = @rule WHERE name = @name AND origin = @origin AND @rule IS NOT NULL AND rule IS DISTINCT FROM @rule",
        new { name = at.Name.ToString(), origin = at.Origin.Id, rule = at.Rule });

    public static void PutOrigin(DbConnection connection, OriginRow row, DateTimeOffset now) => connection.Run(
        """
        INSERT INTO origins (id, upstream, prefix, source, who, seen_at) VALUES (@id, @upstream, @prefix, @source, @who, @at)
        ON CONFLICT (id) DO UPDATE SET source = excluded.source, seen_at = excluded.seen_at
        """,
        new { id = row.Origin.Id, upstream = row.Upstream, prefix = row.Prefix, source = row.Source, who = row.Who, at = now.ToUnixTimeMilliseconds() });

    /// <summary>By a pull; what is linked already stays as old as it is, and what is archived is restored.</summary>
    public static void PutLink(DbConnection connection, OriginRepository at, Digest digest, DateTimeOffset now)
    {
        var isNew = connection.Run(
            "INSERT INTO links (digest, repository, origin, linked_at) VALUES (@digest, @repository, @origin, @now) ON CONFLICT DO NOTHING",
            new { digest = digest.ToString(), repository = at.Name.ToString(), origin = at.Origin.Id, now = now.ToUnixTimeMilliseconds() }) == 1;
        if (!isNew)
        {
            LifecycleWrites.Restore(connection, at, digest, now);
        }

        ContentWrites.Linked(connection, at, digest);
    }

    public static void PutIncomplete(DbConnection connection, RepositoryName repository, Digest index) => connection.Run(
        "INSERT INTO incomplete (repository, digest) VALUES (@repository, @digest) ON CONFLICT DO NOTHING",
        new { repository = repository.ToString(), digest = index.ToString() });

    public static void RemoveIncomplete(DbConnection connection, RepositoryName repository, Digest index) => connection.Run(
        "DELETE FROM incomplete WHERE repository = @repository AND digest = @digest",
        new { repository = repository.ToString(), digest = index.ToString() });

    public static void PutManifest(DbConnection connection, ManifestRow manifest, ManifestDocument? document, DateTimeOffset now)
    {
        var values = new
        {
            digest = manifest.Digest.ToString(),
            mediaType = manifest.MediaType,
            artifactType = document?.ArtifactType,
            subject = document?.Subject?.Digest.ToString(),
            size = manifest.Content.Length,
            cost = manifest.Content.Length + (long)ChildCost * ((document?.Manifests.Length ?? 0) + (document?.Blobs.Length ?? 0)),
            at = now.ToUnixTimeMilliseconds(),
        };
        var isNew = connection.Run(
            $"""
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, cost, stored_at, pulled_at, kept)
            VALUES (@digest, @mediaType, @artifactType, @subject, @size, @cost, @at, @at, {KeptWrites.OfNewRow})
            ON CONFLICT DO NOTHING
            """,
            values) == 1;
        if (isNew)
        {
            AddToTotal(connection, "manifest_bytes", values.cost);
            connection.Run(
                "INSERT INTO manifest_bytes (digest, content) VALUES (@digest, @content) ON CONFLICT DO NOTHING",
                new { values.digest, content = manifest.Content.ToArray() });
        }
        else
        {
            connection.Run("UPDATE manifests SET pulled_at = @at WHERE digest = @digest", values);
            if (ManifestDocument.IsKnown(manifest.MediaType))
            {
                connection.Run("UPDATE manifests SET media_type = @mediaType, artifact_type = @artifactType WHERE digest = @digest", values);
            }
        }

        if (document is not null)
        {
            PutChildren(connection, values.digest, document);
        }
    }

    public static void PutTag(DbConnection connection, OriginRepository at, string tag, Digest digest, DateTimeOffset now) => connection.Run(
        """
        INSERT INTO tags (repository, tag, origin, digest, checked_at) VALUES (@repository, @tag, @origin, @digest, @at)
        ON CONFLICT (repository, tag, origin) DO UPDATE SET digest = excluded.digest, checked_at = excluded.checked_at, absent_since = NULL
        """,
        new { repository = at.Name.ToString(), tag, origin = at.Origin.Id, digest = digest.ToString(), at = now.ToUnixTimeMilliseconds() });

    /// <summary>Of the tag while it means the digest that was found absent: one that has moved meanwhile is not meant.</summary>
    public static void SetTagAbsent(DbConnection connection, OriginRepository at, string tag, Digest digest, DateTimeOffset? since) => connection.Run(
        "UPDATE tags SET absent_since = @since WHERE repository = @repository AND tag = @tag AND origin = @origin AND digest = @digest",
        new { repository = at.Name.ToString(), tag, origin = at.Origin.Id, digest = digest.ToString(), since = since?.ToUnixTimeMilliseconds() });

    /// <inheritdoc cref="SetTagAbsent"/>
    public static void DeleteTag(DbConnection connection, OriginRepository at, string tag, Digest digest) => connection.Run(
        "DELETE FROM tags WHERE repository = @repository AND tag = @tag AND origin = @origin AND digest = @digest",
        new { repository = at.Name.ToString(), tag, origin = at.Origin.Id, digest = digest.ToString() });

    public static void PutBlob(DbConnection connection, Digest digest, long size, DateTimeOffset now)
    {
        const string Insert = $"INSERT INTO blobs (digest, size, stored_at, pulled_at, kept) VALUES (@digest, @size, @at, @at, {KeptWrites.OfNewRow}) ON CONFLICT DO NOTHING";
        var values = new { digest = digest.ToString(), size, at = now.ToUnixTimeMilliseconds() };
        if (connection.Run(Insert, values) == 0)
        {
            // Listed with another length: the file that it had was replaced.
            var before = connection.FindNumber("DELETE FROM blobs WHERE digest = @digest AND size <> @size RETURNING size", values);
            if (before is null)
            {
                connection.Run("UPDATE blobs SET pulled_at = @at WHERE digest = @digest AND pulled_at < @at", values);
                return;
            }

            AddToTotal(connection, "blob_bytes", -before.Value);
            connection.Run(Insert, values);
        }

        AddToTotal(connection, "blob_bytes", size);
    }

    public static void RemoveBlob(DbConnection connection, Digest digest)
    {
        var size = connection.FindNumber("DELETE FROM blobs WHERE digest = @digest RETURNING size", new { digest = digest.ToString() });
        AddToTotal(connection, "blob_bytes", -(size ?? 0));
        connection.Run(
            "DELETE FROM unreferenced WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = @digest)", new { digest = digest.ToString() });
    }

    public static void AddToTotal(DbConnection connection, string name, long bytes)
    {
        if (bytes != 0)
        {
            connection.Run("UPDATE totals SET value = value + @bytes WHERE name = @name", new { name, bytes });
        }
    }

    /// <summary>What manifests and lists take now, as this transaction sees it.</summary>
    public static long RecordedBytes(DbConnection connection) =>
        connection.FindNumber("SELECT sum(value) FROM totals WHERE name IN ('manifest_bytes', 'list_bytes')") ?? 0;

    private static void PutChildren(DbConnection connection, string parent, ManifestDocument document)
    {
        var linked = document.LinkedChildren.Select(child => child.Digest).ToHashSet();
        connection.RunEach(
            """
            INSERT INTO children (parent, digest, size, linked_with_parent) VALUES (@parent, @digest, @size, @linked)
            ON CONFLICT (parent, digest) DO UPDATE SET linked_with_parent = excluded.linked_with_parent
              WHERE excluded.linked_with_parent > children.linked_with_parent
            """,
            document.Manifests.Concat(document.Blobs).Select(child => new
            {
                parent,
                digest = child.Digest.ToString(),
                size = child.Size,
                linked = linked.Contains(child.Digest) ? 1 : 0,
            }));
    }
}
