using System.Diagnostics;
using System.Globalization;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Catalog;
using Millpond.Server.Lifecycle.Collection;
using Millpond.Server.Lifecycle.Pins;
using Millpond.Server.Telemetry;
using Millpond.Tests.Cache;
using Millpond.Tests.Catalog;
using Millpond.Tests.Fixtures;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Lifecycle.Collection;

/// <summary>Many images of 8 layers, some of them shared by all: a fifth expires and is collected; what eviction decides costs no look at the rest.</summary>
[Trait("Category", "Heavy")]
public sealed class CollectionScaleTests
{
    private const string ImagesVariable = "MILLPOND_COLLECTION_IMAGES";

    /// <summary>100,000 take minutes; a fifth of them shows the same.</summary>
    private static readonly int Images = int.TryParse(Environment.GetEnvironmentVariable(ImagesVariable), CultureInfo.InvariantCulture, out var wanted) ? wanted : 20_000;

    private static readonly int Expired = Images / 5;

    [Fact]
    public async Task A_fifth_of_many_images_is_collected_while_others_write_and_eviction_reads_only_what_may_go()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var time = new FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await using var parts = new CacheParts(upstream, time);
        var origin = parts.Known.At(parts.Target("team/app")).Origin;
        Fill(parts.CatalogFile, origin, time.GetUtcNow().ToUnixTimeMilliseconds());
        var pins = new PinBook(parts.Catalog, time, NullLogger<PinBook>.Instance);
        using var metrics = new MillpondMetrics();
        var collector = new Collector(
            parts.Catalog, parts.Store, new BlobBooks(parts.Store, parts.Known, NullLogger<BlobBooks>.Instance), pins, TimeSpan.FromHours(1), time, metrics, NullLogger<Collector>.Instance);
        var output = TestContext.Current.TestOutputHelper!;

        var first = await TimeAsync(async () => Assert.Equal(100, (await parts.Catalog.Order.FirstAsync(100)).Count));
        output.WriteLine($"a decision of eviction, beside {Expired} pushed images that are older: {first.TotalMilliseconds:0.0} ms");
        Assert.InRange(first.TotalMilliseconds, 0, 500);

        using (var connection = new SqliteConnection($"Data Source={parts.CatalogFile};Pooling=False"))
        {
            connection.Execute("DELETE FROM links WHERE origin = @origin AND digest IN (SELECT d FROM n WHERE i < @Expired)", new { origin = origin.Id, Expired }, commandTimeout: 300);
            connection.Execute("DELETE FROM tags WHERE origin = @origin AND digest IN (SELECT d FROM n WHERE i < @Expired)", new { origin = origin.Id, Expired }, commandTimeout: 300);
        }

        using var ending = new CancellationTokenSource();
        var writes = Task.Run(() => WriteAsync(parts.Catalog, ending.Token), TestContext.Current.CancellationToken);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        output.WriteLine($"marks: {(await TimeAsync(() => collector.PassAsync(CancellationToken.None))).TotalSeconds:0.0} s");
        time.AdjustTime(time.GetUtcNow() + TimeSpan.FromHours(1));
        output.WriteLine($"sweep: {(await TimeAsync(() => collector.PassAsync(CancellationToken.None))).TotalSeconds:0.0} s");
        output.WriteLine($"memory: {(GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6:0} MB more");
        await ending.CancelAsync();
        var waits = await writes;
        waits.Sort();
        output.WriteLine($"{waits.Count} writes of others beside it waited {waits[waits.Count / 2].TotalMilliseconds:0.00} ms in the middle, {waits[waits.Count * 99 / 100].TotalMilliseconds:0.0} ms at p99, {waits[^1].TotalMilliseconds:0} ms at most");
        output.WriteLine($"a pass that finds nothing: {(await TimeAsync(() => collector.PassAsync(CancellationToken.None))).TotalSeconds:0.0} s");

        using var check = new SqliteConnection($"Data Source={parts.CatalogFile};Pooling=False");
        Assert.Equal(Images - Expired, check.ExecuteScalar<long>("SELECT count(*) FROM manifests WHERE digest IN (SELECT d FROM n)"));
        Assert.Equal((Images - Expired) * 7 + 1, check.ExecuteScalar<long>("SELECT count(*) FROM blobs WHERE digest NOT IN (SELECT digest FROM links WHERE origin = 0)"));
        // What is written beside it is named by no manifest, and waits for its own grace.
        Assert.Equal(0, check.ExecuteScalar<long>("SELECT count(*) FROM unneeded_links WHERE repository <> 'quay/beside'"));
    }

    /// <summary>As pulls do: one after the other, each waiting for its commit.</summary>
    private static async Task<List<TimeSpan>> WriteAsync(CatalogDatabase catalog, CancellationToken until)
    {
        var waits = new List<TimeSpan>();
        for (var i = 0; !until.IsCancellationRequested || i == 0; i++)
        {
            waits.Add(await TimeAsync(() => catalog.LinkAsync(CatalogReads.At(Repository("quay/beside")), DigestOf($"{i}"))));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None);
        }

        return waits;
    }

    private static async Task<TimeSpan> TimeAsync(Func<Task> work)
    {
        var watch = Stopwatch.StartNew();
        await work();
        return watch.Elapsed;
    }

    /// <summary>Written past the catalog, because that is quicker. The base layer is in all images.</summary>
    private static void Fill(string file, Origin origin, long now)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; PRAGMA busy_timeout = 60000");
        connection.Execute(
            """
            BEGIN;
            CREATE TABLE n AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < @Images - 1)
              SELECT i, printf('sha256:%064x', i * 10) AS d, printf('up/team%d/app', i % 500) AS r FROM c;
            CREATE TEMP TABLE l AS SELECT n.i, n.d, n.r, CASE j.j WHEN 0 THEN printf('sha256:%064x', 2) ELSE printf('sha256:%064x', (n.i * 8 + j.j) * 10 + 1) END AS layer
              FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7) j;
            INSERT INTO repositories (name, origin, rule) SELECT DISTINCT r, @origin, 'up' FROM n;
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at, cost)
              SELECT d, 'application/vnd.oci.image.manifest.v1+json', NULL, NULL, 2000, @now, @now, 3600 FROM n;
            INSERT INTO manifest_bytes SELECT d, zeroblob(2000) FROM n;
            INSERT INTO tags SELECT r, 'v' || i, @origin, d, 1, NULL FROM n;
            INSERT INTO links (digest, repository, origin) SELECT d, r, @origin FROM n;
            INSERT INTO children SELECT d, layer, 1000 + i, 1 FROM l;
            INSERT OR IGNORE INTO links (digest, repository, origin) SELECT layer, r, @origin FROM l;
            INSERT OR IGNORE INTO blobs (digest, size, stored_at, pulled_at) SELECT layer, 1000, @now, @now + i FROM l;
            INSERT INTO blobs (digest, size, stored_at, pulled_at, kept) SELECT printf('sha256:%064x', i * 10 + 3), 1000, 1, 1, 2 FROM n WHERE i < @Expired;
            INSERT INTO links (digest, repository, origin, kinds, renewed_at) SELECT printf('sha256:%064x', i * 10 + 3), 'team/pushed', 0, 1, @now FROM n WHERE i < @Expired;
            COMMIT;
            """,
            new { origin = origin.Id, now, Images, Expired },
            commandTimeout: 300);
    }
}
