using System.Data.Common;
using Dapper;
using Millpond.Images;

namespace Millpond.Server.Catalog;

/// <summary>The statements of each write. Every one may be repeated: a group of writes whose transaction was lost is written again.</summary>
internal static class CatalogWrites
{
    public static void PutRepository(DbConnection connection, RepositoryName repository, string? rule) => connection.Execute(
        """
        INSERT INTO repositories (name, rule) VALUES (@name, @rule)
        ON CONFLICT (name) DO UPDATE SET rule = excluded.rule
          WHERE excluded.rule IS NOT NULL AND excluded.rule IS DISTINCT FROM repositories.rule
        """,
        new { name = repository.ToString(), rule });

    public static void PutLink(DbConnection connection, RepositoryName repository, Digest digest) => connection.Execute(
        "INSERT INTO links (repository, digest) VALUES (@repository, @digest) ON CONFLICT DO NOTHING",
        new { repository = repository.ToString(), digest = digest.ToString() });

    public static void PutIncomplete(DbConnection connection, RepositoryName repository, Digest index) => connection.Execute(
        "INSERT INTO incomplete (repository, digest) VALUES (@repository, @digest) ON CONFLICT DO NOTHING",
        new { repository = repository.ToString(), digest = index.ToString() });

    public static void RemoveIncomplete(DbConnection connection, RepositoryName repository, Digest index) => connection.Execute(
        "DELETE FROM incomplete WHERE repository = @repository AND digest = @digest",
        new { repository = repository.ToString(), digest = index.ToString() });

    /// <summary>Links <see cref="ManifestDocument.LinkedChildren"/> of a stored manifest.</summary>
    public static void PutChildLinks(DbConnection connection, RepositoryName repository, Digest manifest) => connection.Execute(
        """
        INSERT INTO links (repository, digest)
        SELECT @repository, digest FROM children WHERE parent = @manifest AND linked_with_parent = 1
        ON CONFLICT DO NOTHING
        """,
        new { repository = repository.ToString(), manifest = manifest.ToString() });

    public static void PutManifest(DbConnection connection, ManifestRow manifest, ManifestDocument? document, DateTimeOffset now)
    {
        var digest = manifest.Digest.ToString();
        connection.Execute(
            """
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at)
            VALUES (@digest, @mediaType, @artifactType, @subject, @size, @at, @at)
            ON CONFLICT (digest) DO UPDATE SET
              pulled_at = excluded.pulled_at,
              media_type = CASE WHEN @isKnown = 1 THEN excluded.media_type ELSE manifests.media_type END,
              artifact_type = CASE WHEN @isKnown = 1 THEN excluded.artifact_type ELSE manifests.artifact_type END
            """,
            new
            {
                digest,
                isKnown = ManifestDocument.IsKnown(manifest.MediaType) ? 1 : 0,
                mediaType = manifest.MediaType,
                artifactType = document?.ArtifactType,
                subject = document?.Subject?.Digest.ToString(),
                size = manifest.Content.Length,
                at = now.ToUnixTimeMilliseconds(),
            });
        connection.Execute(
            "INSERT INTO manifest_bytes (digest, content) VALUES (@digest, @content) ON CONFLICT DO NOTHING",
            new { digest, content = manifest.Content.ToArray() });
        if (document is not null)
        {
            PutChildren(connection, digest, document);
        }
    }

    public static void PutTag(DbConnection connection, RepositoryName repository, string tag, Digest digest, TagOrigin origin, DateTimeOffset now) =>
        connection.Execute(
            """
            INSERT INTO tags (repository, tag, digest, pushed, checked_at) VALUES (@repository, @tag, @digest, @pushed, @at)
            ON CONFLICT (repository, tag) DO UPDATE SET
              digest = excluded.digest, pushed = excluded.pushed, checked_at = excluded.checked_at, absent_since = NULL
            """,
            new
            {
                repository = repository.ToString(),
                tag,
                digest = digest.ToString(),
                pushed = origin == TagOrigin.Pushed ? 1 : 0,
                at = now.ToUnixTimeMilliseconds(),
            });

    public static void SetTagAbsent(DbConnection connection, RepositoryName repository, string tag, DateTimeOffset? since) => connection.Execute(
        "UPDATE tags SET absent_since = @since WHERE repository = @repository AND tag = @tag",
        new { repository = repository.ToString(), tag, since = since?.ToUnixTimeMilliseconds() });

    public static void DeleteTag(DbConnection connection, RepositoryName repository, string tag) => connection.Execute(
        "DELETE FROM tags WHERE repository = @repository AND tag = @tag", new { repository = repository.ToString(), tag });

    public static void PutBlob(DbConnection connection, Digest digest, long size, DateTimeOffset now)
    {
        var text = digest.ToString();
        var before = connection.ExecuteScalar<long?>("SELECT size FROM blobs WHERE digest = @digest", new { digest = text });
        connection.Execute(
            """
            INSERT INTO blobs (digest, size, stored_at, pulled_at) VALUES (@digest, @size, @at, @at)
            ON CONFLICT (digest) DO UPDATE SET size = excluded.size, pulled_at = excluded.pulled_at
            """,
            new { digest = text, size, at = now.ToUnixTimeMilliseconds() });
        AddToTotal(connection, size - (before ?? 0));
    }

    public static void RemoveBlob(DbConnection connection, Digest digest)
    {
        var size = connection.ExecuteScalar<long?>("DELETE FROM blobs WHERE digest = @digest RETURNING size", new { digest = digest.ToString() });
        AddToTotal(connection, -(size ?? 0));
    }

    public static void PutList(DbConnection connection, RepositoryName repository, string key, ReadOnlyMemory<byte> content, DateTimeOffset checkedAt) =>
        connection.Execute(
            """
            INSERT INTO lists (repository, key, content, checked_at) VALUES (@repository, @key, @content, @at)
            ON CONFLICT (repository, key) DO UPDATE SET content = excluded.content, checked_at = excluded.checked_at
            """,
            new { repository = repository.ToString(), key, content = content.ToArray(), at = checkedAt.ToUnixTimeMilliseconds() });

    private static void PutChildren(DbConnection connection, string parent, ManifestDocument document)
    {
        var linked = document.LinkedChildren.Select(child => child.Digest).ToHashSet();
        connection.Execute(
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

    private static void AddToTotal(DbConnection connection, long bytes)
    {
        if (bytes != 0)
        {
            connection.Execute("UPDATE totals SET value = value + @bytes WHERE name = 'blob_bytes'", new { bytes });
        }
    }
}
