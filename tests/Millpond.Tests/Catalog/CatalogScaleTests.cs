using System.Diagnostics;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Operations.Cost;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

[Trait("Category", "Heavy")]
public sealed class CatalogScaleTests
{
    [Fact]
    public async Task A_catalog_of_100_000_images_opens_and_answers_within_a_second()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.DisposeAsync();
        Fill(catalog.Folder);

        var watch = Stopwatch.StartNew();
        await using var database = CatalogDatabase.Open(catalog.Folder, new FakeTimeProvider(), NullLogger<CatalogDatabase>.Instance);
        var tag = database.FindTag(Repository("quay/team77/app"), "v50077")!;
        Assert.NotNull(database.FindManifest(tag.Digest));
        Assert.True(database.IsLinked(Repository("quay/team77/app"), Numbered(8 * 50077 + 3, 1)));
        Assert.Equal(1000 + 50077, database.FindDescribedSize(Repository("quay/team77/app"), Numbered(8 * 50077 + 3, 1)));
        Assert.Equal(800_000_000, database.TotalBlobBytes());
        Assert.Equal(100, CatalogReads.Now(database.Order.FirstAsync(100)).Count);
        Assert.Equal(100, database.ListTags(Repository("quay/team77/app"), null, 100).Count);
        Assert.Empty(database.ListReferrers(Repository("quay/team77/app"), tag.Digest));
        watch.Stop();

        TestContext.Current.TestOutputHelper?.WriteLine($"opened and read in {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.ElapsedMilliseconds, 0, 1000);
    }

    [Fact]
    public async Task What_100_000_images_take_is_added_up_in_seconds_and_little_memory()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.DisposeAsync();
        Fill(catalog.Folder);
        await using var database = CatalogDatabase.Open(catalog.Folder, new FakeTimeProvider(), NullLogger<CatalogDatabase>.Instance);
        GC.Collect();
        var (before, peak) = (GC.GetTotalMemory(forceFullCollection: true), 0L);
        var watch = Stopwatch.StartNew();
        var adding = Task.Run(() => new StorageSum(database, [], new FakeTimeProvider().GetUtcNow()).AddUpAsync(TestContext.Current.CancellationToken));
        while (!adding.IsCompleted)
        {
            peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false) - before);
            await Task.WhenAny(adding, Task.Delay(20));
        }

        var (prefixes, bytes, _) = await adding;
        watch.Stop();
        TestContext.Current.TestOutputHelper?.WriteLine($"added up in {watch.ElapsedMilliseconds} ms with at most {peak / 1_000_000} MB more");
        var quay = Assert.Single(prefixes);
        Assert.Equal((500, 100_000, 1_000_000_000), (quay.Images, quay.Versions, bytes));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    private static Digest Numbered(long number, int kind) => Digest.Parse($"sha256:{number * 10 + kind:x64}");

    /// <summary>100,000 manifests of 2 KB with 8 layers each in 500 repositories, written past the catalog, because that is quicker.</summary>
    private static void Fill(string folder)
    {
        using var connection = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        connection.Execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
        connection.Execute(
            """
            BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 99999)
              SELECT i, printf('sha256:%064x', i * 10) AS d, printf('quay/team%d/app', i % 500) AS r FROM c;
            CREATE TEMP TABLE l AS SELECT n.i, n.d, n.r, printf('sha256:%064x', (n.i * 8 + j.j) * 10 + 1) AS layer
              FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7) j;
            INSERT INTO repositories (name, origin, rule) SELECT DISTINCT r, @origin, 'quay' FROM n;
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at, cost) SELECT d, 'application/vnd.oci.image.manifest.v1+json', NULL, NULL, 2000, 1, 1, 3600 FROM n;
            INSERT INTO manifest_bytes SELECT d, zeroblob(2000) FROM n;
            INSERT INTO tags SELECT r, 'v' || i, @origin, d, 1, NULL FROM n;
            INSERT INTO links (digest, repository, origin) SELECT d, r, @origin FROM n;
            INSERT INTO children SELECT d, layer, 1000 + i, 1 FROM l;
            INSERT INTO links (digest, repository, origin) SELECT layer, r, @origin FROM l;
            INSERT INTO blobs (digest, size, stored_at, pulled_at) SELECT layer, 1000, i, i FROM l;
            UPDATE totals SET value = 800000000 WHERE name = 'blob_bytes';
            COMMIT;
            """,
            new { origin = CatalogReads.AnOrigin.Id },
            commandTimeout: 300);
    }
}
