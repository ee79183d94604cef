using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Dapper;
using Microsoft.Data.Sqlite;
using Millpond.Server.Catalog;
using Millpond.Tests.Fixtures;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

/// <summary>Another program holds the catalog, or has damaged it: pulls neither wait for it nor fail by it.</summary>
public sealed class HeldCatalogTests
{
    /// <summary>Ten pulls at 200 ms and what a busy machine takes; waiting for each commit as long as SQLite does by itself would take 50 s.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task No_pull_waits_for_a_program_that_holds_the_catalog()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var images = Enumerable.Range(0, 10).Select(i => TestImages.OnePlatform(seed: 700 + i)).ToArray();
        foreach (var image in images)
        {
            upstream.Add("team/app", image, $"v{image.Digest.Hex[..8]}");
        }

        using var data = new TemporaryFolder();
        await using (var host = await MillpondHost.StartAsync(upstream, new() { Data = data }))
        {
            await host.PullAsync("up/team/app", images[0]);
        }

        // After a restart the first pull by digest writes links; it is warm all the same.
        await using var again = await MillpondHost.StartAsync(upstream, new() { Data = data, AllowErrors = true });
        using var other = Hold(Path.Join(again.DataFolder, "catalog"));
        var watch = Stopwatch.StartNew();
        await again.PullAsync("up/team/app", images[0]);
        foreach (var image in images[1..])
        {
            await again.PullAsync("up/team/app", image, $"v{image.Digest.Hex[..8]}");
        }

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
        upstream.ClearRequests();
        foreach (var image in images)
        {
            await again.PullAsync("up/team/app", image);
        }

        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task Writes_that_cannot_begin_fail_together_and_at_once_until_the_program_lets_go()
    {
        await using var catalog = new TemporaryCatalog();
        var other = Hold(catalog.Folder);
        var watch = Stopwatch.StartNew();
        var writes = Enumerable.Range(0, 300).Select(i => catalog.Database.PutBlobAsync(DigestOf($"{i}"), 1, null, null, catalog.Now)).ToArray();
        foreach (var write in writes)
        {
            await Assert.ThrowsAsync<CatalogUnwrittenException>(() => write);
        }

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        Assert.False(catalog.Database.Answers(out var why));
        Assert.Contains("locked", why, StringComparison.Ordinal);

        other.Dispose();
        await catalog.Database.PutBlobAsync(DigestOf("after"), 1, null, null, catalog.Now);
        Assert.True(catalog.Database.Answers(out _));
    }

    [Fact]
    public async Task What_changes_in_memory_by_a_write_changes_after_its_commit_only()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.PutImageAsync("quay/a", "v1", "one");
        var later = catalog.Now.AddMinutes(1);
        catalog.Database.RenewTag(Repository("quay/a"), "v1", later);
        var recorded = catalog.Database.RecordedBytes;
        catalog.Time.Advance(TimeSpan.FromMinutes(2));
        using (Hold(catalog.Folder))
        {
            await Assert.ThrowsAsync<CatalogUnwrittenException>(() => catalog.PutImageAsync("quay/a", "v1", "two"));
        }

        Assert.Equal(later, catalog.Database.FindTag(Repository("quay/a"), "v1")!.CheckedAt);
        Assert.Equal(recorded, catalog.Database.RecordedBytes);
    }

    [Fact]
    public async Task A_catalog_that_cannot_be_read_is_a_503_for_what_is_not_in_memory()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(seed: 720);
        upstream.Add("team/app", image, "1");
        await using var host = await MillpondHost.StartAsync(upstream, new() { AllowErrors = true });
        await host.PullAsync("up/team/app", image, "1");
        await host.Log.WhenLineAsync($"Filled {image.Layer.Digest}");
        Change(Path.Join(host.DataFolder, "catalog"), "DROP TABLE tags; DROP TABLE links; DROP TABLE lists; DROP TABLE repositories");

        await host.PullAsync("up/team/app", image, "1");
        foreach (var path in new[]
        {
            "/v2/up/team/app/manifests/2", $"/v2/up/team/other/manifests/{image.Digest}", $"/v2/up/team/other/blobs/{image.Layer.Digest}",
            "/v2/up/team/app/tags/list", $"/v2/up/team/app/referrers/{image.Digest}", "/v2/_catalog",
        })
        {
            using var refused = await host.Client.GetAsync(new Uri(host.Address, path), TestContext.Current.CancellationToken);
            Assert.Equal((path, HttpStatusCode.ServiceUnavailable), (path, refused.StatusCode));
            Assert.NotNull(refused.Headers.RetryAfter);
            var error = JsonNode.Parse(await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["errors"]![0]!;
            Assert.Equal("UNAVAILABLE", (string?)error["code"]);
        }

        var metrics = await host.Client.GetStringAsync(new Uri(host.Address, "/metrics"), TestContext.Current.CancellationToken);
        Assert.Contains("""millpond_pulls_total{kind="manifest",result="catalog_unreadable",rule="up"} 2""", metrics, StringComparison.Ordinal);
        Assert.Contains("""millpond_pulls_total{kind="blob",result="catalog_unreadable",rule="up"} 1""", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_earlier_run_did_not_complete_is_looked_up_until_the_catalog_can_be_read()
    {
        var time = new EagerTime();
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { AllowErrors = true, Time = time });
        var catalog = Path.Join(host.DataFolder, "catalog");
        Change(catalog, "INSERT INTO incomplete VALUES ('gone/app', 'sha256:' || hex(zeroblob(32))); ALTER TABLE incomplete RENAME TO away");
        await host.RestartAsync();
        for (var i = 1; i < 4; i++)
        {
            await host.Log.WhenLineAsync("cannot be looked up", i);
            await time.WhenAwaitedAsync(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
            time.Advance(TimeSpan.FromMinutes(1));
        }
    }

    private static SqliteConnection Hold(string folder)
    {
        var other = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        other.Open();
        other.Execute("BEGIN IMMEDIATE");
        return other;
    }

    private static void Change(string folder, string sql)
    {
        using var other = new SqliteConnection($"Data Source={folder}/catalog.db;Pooling=False");
        other.Execute(sql);
    }
}
