using System.Diagnostics;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Catalog.Expiry;
using Millpond.Server.Lifecycle.Policies;
using Millpond.Tests.Catalog;

namespace Millpond.Tests.Lifecycle;

/// <summary>What the catalog reads and writes for policies: with little, with changes in between, and with very much.</summary>
public sealed class LifecycleTableTests
{
    private static readonly OriginRepository At = CatalogReads.At(TemporaryCatalog.Repository());

    [Fact]
    public async Task What_has_changed_since_it_was_decided_stays()
    {
        await using var catalog = new TemporaryCatalog();
        var lifecycle = catalog.Database.Lifecycle;
        foreach (var name in (string[])["tagged", "moved", "pulled", "again", "plain"])
        {
            await catalog.PutImageAsync(At.Name.ToString(), name, name, "layer");
        }

        var images = await lifecycle.ListImagesAsync(At, TestContext.Current.CancellationToken);
        Assert.Equal(5, images.Count);
        catalog.Time.Advance(TimeSpan.FromDays(40));
        var (row, document) = TemporaryCatalog.Image("tagged", "layer");
        await catalog.Database.PutManifestAsync(At, row, document, "another", catalog.Now);
        (row, document) = TemporaryCatalog.Image("new", "layer");
        await catalog.Database.PutManifestAsync(At, row, document, "moved", catalog.Now);
        catalog.Database.Touch(Of("pulled").Digest, catalog.Now);
        await catalog.Database.Order.WritePullsAsync();
        (row, document) = TemporaryCatalog.Image("again", "layer");
        await catalog.Database.Contents.DeleteManifestAsync(At, row.Digest, evenIfNeeded: true);
        await catalog.Database.PutManifestAsync(At, row, document, "again", catalog.Now);

        var told = new List<ContentChange>();
        catalog.Database.Contents.Changed = told.Add;
        var gone = await lifecycle.ExpireAsync(At, [.. images.Select(image => new Departure(image, MayBePulled: false))], catalog.Now);
        Assert.Equal([Of("plain").Digest], gone);
        var change = Assert.Single(told);
        Assert.Equal(["plain"], change.Tags);
        Assert.Equal([Of("plain").Digest], change.Unlinked);
        Assert.False(catalog.Database.IsLinked(At.Name, Of("plain").Digest));
        Assert.NotNull(catalog.Database.FindManifest(Of("plain").Digest));
        Assert.Equal([Of("pulled").Digest], await lifecycle.ExpireAsync(At, [new(Of("pulled"), MayBePulled: true)], catalog.Now));

        // Pulled again it came just now.
        (row, document) = TemporaryCatalog.Image("plain", "layer");
        await catalog.Database.PutManifestAsync(At, row, document, "plain", catalog.Now);
        var back = (await lifecycle.ListImagesAsync(At, TestContext.Current.CancellationToken)).Single(image => image.Digest == row.Digest);
        Assert.Equal((catalog.Now.ToUnixTimeMilliseconds(), "plain"), (back.PushedAt, Assert.Single(back.Tags)));

        LifecycleImage Of(string tag) => images.Single(image => image.Tags.Contains(tag));
    }

    [Fact]
    public async Task An_archived_image_of_a_cache_is_restored_by_the_pull_that_brings_it_again()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync(At.Name.ToString(), "1", "image", "layer");
        var image = Assert.Single(await catalog.Database.Lifecycle.ListImagesAsync(At, TestContext.Current.CancellationToken));
        Assert.Equal([digest], await catalog.Database.Lifecycle.ArchiveAsync(At, [new(image, MayBePulled: true)], catalog.Now));
        Assert.False(catalog.Database.IsLinked(At.Name, digest));
        Assert.Null(catalog.Database.FindTag(At.Name, "1"));
        var archived = Assert.Single(await catalog.Database.Lifecycle.ListImagesAsync(At, TestContext.Current.CancellationToken));
        Assert.True(archived.IsArchived);
        Assert.Equal(["1"], archived.Tags);
        Assert.Equal(["1"], CatalogReads.Now(catalog.Database.Control.Images.TagsOfAsync(At, digest)));

        await catalog.PutImageAsync(At.Name.ToString(), null, "image", "layer");
        Assert.True(catalog.Database.IsLinked(At.Name, digest));
        Assert.Equal(digest, catalog.Database.FindTag(At.Name, "1")!.Digest);
    }

    /// <summary>Of what was evicted or deleted nothing is held.</summary>
    [Fact]
    public async Task What_is_held_goes_with_its_image()
    {
        await using var catalog = new TemporaryCatalog();
        var held = catalog.Database.Lifecycle.Held;
        var (one, other) = (await catalog.PutImageAsync(At.Name.ToString(), "1", "one", "layer"), await catalog.PutImageAsync(At.Name.ToString(), "2", "other", "layer"));
        await held.PutAsync([Row(one), Row(other), Row(TemporaryCatalog.DigestOf("none"))]);
        Assert.Equal(2, await held.CountAsync());
        await catalog.Database.Contents.DeleteManifestAsync(At, one, evenIfNeeded: true);
        Assert.Equal(1, await held.CountAsync());
        Assert.NotNull(await catalog.Database.Order.RemoveManifestAsync(other, catalog.Now));
        Assert.Equal(0, await held.CountAsync());

        HeldRow Row(Digest digest) => new(At, digest, 1, "why", false, catalog.Now, catalog.Now, catalog.Now, 0);
    }

    [Fact]
    [Trait("Category", "Heavy")]
    public async Task A_hundred_thousand_images_are_evaluated_and_twenty_thousand_expire_in_seconds()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.DisposeAsync();
        Fill(catalog.Folder);
        await using var database = CatalogDatabase.Open(catalog.Folder, catalog.Time, NullLogger<CatalogDatabase>.Instance);
        var memory = GC.GetTotalMemory(forceFullCollection: true);

        var watch = Stopwatch.StartNew();
        var images = await database.Lifecycle.ListImagesAsync(At, TestContext.Current.CancellationToken);
        Say($"{images.Count} images read in {watch.ElapsedMilliseconds} ms, {(GC.GetTotalMemory(forceFullCollection: true) - memory) / 1_000_000} MB");
        Assert.Equal(100_000, images.Count);

        Assert.True(PolicyText.TryParse(
            LifecycleWorld.PolicyOf("""
            "selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":80000},"action":{"type":"expire"}
            """), out var policy, out _));
        watch.Restart();
        var marks = PolicyEvaluation.Evaluate(policy, images, catalog.Now);
        Say($"evaluated in {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(20_000, marks.Count);

        watch.Restart();
        var gone = 0;
        var longest = TimeSpan.Zero;
        foreach (var batch in marks.Chunk(50))
        {
            var begun = watch.Elapsed;
            gone += (await database.Lifecycle.ExpireAsync(At, [.. batch.Select(mark => new Departure(mark.Image, MayBePulled: true))], catalog.Now)).Count;
            longest = watch.Elapsed - begun > longest ? watch.Elapsed - begun : longest;
        }

        Say($"{gone} expired in {watch.ElapsedMilliseconds} ms, {longest.TotalMilliseconds:0} ms the longest transaction of 50");
        Assert.Equal(20_000, gone);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(60));

        static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);
    }

    /// <summary>100,000 manifests of one repository with three layers each, every tenth an index's child, written past the catalog.</summary>
    private static void Fill(string folder)
    {
        using var connection = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        connection.Execute(
            """
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 99999)
              SELECT i, printf('sha256:%064x', (i * 7919) % 1000003 * 10) AS d FROM c;
            INSERT INTO repositories (name, origin, rule) VALUES (@repository, @origin, 'quay');
            INSERT INTO manifests (digest, media_type, artifact_type, subject, size, stored_at, pulled_at, cost) SELECT d, 'application/vnd.oci.image.manifest.v1+json', NULL, NULL, 2000, 1 + i, 1 + i, 2000 FROM n;
            INSERT INTO tags SELECT @repository, 'v' || i, @origin, d, 1, NULL FROM n;
            INSERT INTO links (digest, repository, origin, linked_at) SELECT d, @repository, @origin, 1 + i FROM n;
            INSERT INTO children SELECT n.d, printf('sha256:%064x', (n.i * 3 + j.j) * 10 + 1), 1000, 1 FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2) j;
            INSERT INTO links (digest, repository, origin, linked_at)
              SELECT printf('sha256:%064x', (n.i * 3 + j.j) * 10 + 1), @repository, @origin, 1 FROM n, (SELECT 0 AS j UNION ALL SELECT 1 UNION ALL SELECT 2) j;
            COMMIT;
            """,
            new { repository = At.Name.ToString(), origin = At.Origin.Id });
    }
}
