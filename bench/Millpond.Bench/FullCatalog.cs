using Dapper;
using Microsoft.Data.Sqlite;

namespace Millpond.Bench;

/// <summary>A catalog with many images, written past the program, because that is quicker. Tests of scale use it too.</summary>
internal static class FullCatalog
{
    /// <summary>Manifests of 2 KB with 8 layers each, spread over repositories; image N is the tag vN of quay/teamM/app, M = N modulo the number of repositories.</summary>
    /// <param name="folder">A data folder whose catalog has its schema, and which nobody serves.</param>
    public static void Fill(string folder, int images, int repositories, long origin)
    {
        using var connection = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        connection.Execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
        connection.Execute(
            """
            BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < @images - 1)
              SELECT i, printf('sha256:%064x', i * 10) AS d, printf('quay/team%d/app', i % @repositories) AS r FROM c;
            CREATE TEMP TABLE l AS SELECT n.i, n.d, n.r, printf('sha256:%064x', (n.i * 8 + j.j) * 10 + 1) AS layer
              FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7) j;
            INSERT INTO repositories (name, origin, rule) SELECT DISTINCT r, @origin, 'quay' FROM n;
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at, cost)
              SELECT d, 'application/vnd.oci.image.manifest.v1+json', NULL, NULL, 2000, 1, 1, 3600 FROM n;
            INSERT INTO manifest_bytes (digest, content) SELECT d, zeroblob(2000) FROM n;
            INSERT INTO tags (repository, tag, origin, digest, checked_at, absent_since) SELECT r, 'v' || i, @origin, d, 1, NULL FROM n;
            INSERT INTO links (digest, repository, origin) SELECT d, r, @origin FROM n;
            INSERT INTO children (parent, digest, size, linked_with_parent) SELECT d, layer, 1000 + i, 1 FROM l;
            INSERT INTO links (digest, repository, origin) SELECT layer, r, @origin FROM l;
            INSERT INTO blobs (digest, size, stored_at, pulled_at) SELECT layer, 1000, i, i FROM l;
            UPDATE totals SET value = 8000 * @images WHERE name = 'blob_bytes';
            COMMIT;
            """,
            new { images, repositories, origin },
            commandTimeout: 600);
    }
}
