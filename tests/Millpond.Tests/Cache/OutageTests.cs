using System.Diagnostics;
using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class OutageTests
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 41);

    [Fact]
    public async Task Everything_pulled_once_is_pulled_again_with_the_upstream_gone_and_after_a_restart()
    {
        using var data = new TemporaryFolder();
        var index = TestImages.TwoPlatforms(seed: 42);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", index, "1");
        upstream.Add("team/zstd", TestImages.Zstd(seed: 43), "1");
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullAsync("up/team/app", index, "1");
        await host.PullAsync("up/team/zstd", TestImages.Zstd(seed: 43), "1");

        upstream.GoDown();
        await host.PullAsync("up/team/app", index, "1");
        await host.RestartAsync();
        await host.PullAsync("up/team/app", index, "1");
        await host.PullAsync("up/team/zstd", TestImages.Zstd(seed: 43), "1");
    }

    [Fact]
    public async Task A_completed_index_is_whole_though_only_one_platform_was_pulled()
    {
        var index = TestImages.TwoPlatforms(seed: 44);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", index, "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }]);
        await host.PullManifestAsync("up/team/app", "1");
        await host.Log.WhenLineAsync("Completed index");
        upstream.GoDown();
        await host.PullAsync("up/team/app", index, "1");
    }

    [Fact]
    public async Task Only_the_wanted_platforms_are_completed_and_only_where_the_rule_allows()
    {
        var index = TestImages.TwoPlatforms(seed: 45);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", index, "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = new IndexCompletion(All: false, ["linux/arm64"]) }]);
        await host.PullManifestAsync("up/team/app", "1");
        await host.Log.WhenLineAsync("Completed index");
        var fetched = upstream.Requests(RequestKind.Manifest).Select(request => request.Reference).ToList();
        Assert.Equal(2, fetched.Count);
    }

    /// <summary>SQLite waits five seconds for a lock: a backup that takes one must not fail a pull.</summary>
    [Fact]
    [Trait("Category", "Heavy")]
    public async Task A_catalog_that_another_program_has_locked_fails_no_pull()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream)], new MillpondHostOptions { AllowErrors = true });
        using (var other = new SqliteConnection($"Data Source={host.DataFolder}/catalog/catalog.db;Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            await host.PullAsync("up/team/app", Image, "1");
            Assert.Equal("hit", await host.PullManifestAsync("up/team/app", "1"));
            using var ready = await host.Client.GetAsync(new Uri(host.Address, "/readyz"), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        }

        upstream.AddManifest("team/app", Image.Manifest, "2");
        await host.PullAsync("up/team/app", Image, "2");
        using var readyAgain = await host.Client.GetAsync(new Uri(host.Address, "/readyz"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, readyAgain.StatusCode);
    }

    [Fact]
    public async Task With_every_upstream_dead_the_server_starts_and_says_whose_fault_it_is()
    {
        var watch = Stopwatch.StartNew();
        await using var host = await MillpondHost.StartAsync(
        [
            MillpondHost.Rule("refused", FakeUpstream.RefusedAddress),
            MillpondHost.Rule("unknown", FakeUpstream.UnknownHost),
        ]);
        using var ready = await host.Client.GetAsync(new Uri(host.Address, "/readyz"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        foreach (var prefix in new[] { "refused", "unknown" })
        {
            using var response = await host.ManifestAsync($"{prefix}/team/app", "1");
            Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.Contains($"\"rule\":\"{prefix}\"", text, StringComparison.Ordinal);
            Assert.NotNull(response.Headers.RetryAfter);
        }
    }

    [Fact]
    public async Task A_black_hole_is_answered_stale_within_the_bound_and_then_at_once_for_a_hundred_tags()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        for (var tag = 0; tag < 100; tag++)
        {
            upstream.Add("team/app", Image, $"v{tag}");
        }

        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        for (var tag = 0; tag < 100; tag++)
        {
            await host.PullManifestAsync("up/team/app", $"v{tag}");
        }

        time.Advance(TimeSpan.FromHours(24));
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue);
        upstream.ClearRequests();
        for (var tag = 0; tag < 2; tag++)
        {
            var pull = host.PullManifestAsync("up/team/app", $"v{tag}");
            await upstream.WhenRequestsReach(tag + 1);
            Assert.False(pull.IsCompleted);
            var asked = time.GetUtcNow();
            await time.AdvanceUntilAsync(pull, TimeSpan.FromMilliseconds(50));
            Assert.Equal("stale", await pull);
            Assert.InRange(time.GetUtcNow() - asked, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10));
        }

        // The second answer may be here before its failure is counted.
        await host.Log.WhenLineAsync("does not answer and is not asked");

        // The clock stands still from here on: whoever waited for anything would wait for ever.
        for (var tag = 0; tag < 100; tag++)
        {
            Assert.Equal("stale", await host.PullManifestAsync("up/team/app", $"v{tag}"));
        }

        using var cold = await host.ManifestAsync("up/team/app", "cold");
        Assert.Equal(HttpStatusCode.GatewayTimeout, cold.StatusCode);
        hole.Disarm();
    }

    [Fact]
    public async Task A_cold_pull_from_a_black_hole_ends_after_half_a_minute_with_the_reason()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        var pull = host.ManifestAsync("up/team/app", "1");
        await upstream.WhenRequestsReach(1);
        time.Advance(TimeSpan.FromSeconds(30));
        using var response = await pull;
        Assert.Equal(HttpStatusCode.GatewayTimeout, response.StatusCode);
        Assert.Contains("30 s", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        hole.Disarm();
    }

    [Theory]
    [InlineData(29.9)]
    [InlineData(30)]
    public async Task One_pull_that_gets_no_answer_is_one_failure_and_opens_no_breaker(double firstByte)
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1", "2");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { Timeouts = new UpstreamTimeouts { FirstByte = TimeSpan.FromSeconds(firstByte) } }],
            new MillpondHostOptions { Time = time });
        upstream.Arm(UpstreamFault.BlackHole, times: 1, kind: RequestKind.Manifest);
        var pull = host.ManifestAsync("up/team/app", "1");
        await upstream.WhenRequestsReach(1, RequestKind.Manifest);
        time.Advance(TimeSpan.FromSeconds(firstByte));
        await time.AdvanceUntilAsync(pull, TimeSpan.FromMilliseconds(50));
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await pull).StatusCode);
        await host.PullManifestAsync("up/team/app", "2");

        upstream.Arm(UpstreamFault.BlackHole, times: 1, kind: RequestKind.Blob);
        var blob = host.BlobAsync("up/team/app", Image.Layer.Digest);
        await upstream.WhenRequestsReach(1, RequestKind.Blob);
        time.Advance(TimeSpan.FromSeconds(firstByte));
        await time.AdvanceUntilAsync(blob, TimeSpan.FromMilliseconds(50));
        using var next = await host.BlobAsync("up/team/app", Image.Blobs[0].Digest);
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task The_breaker_closes_by_a_probe_and_not_by_a_client()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1", "2");
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: int.MaxValue, kind: RequestKind.Manifest);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        for (var tag = 1; tag <= 2; tag++)
        {
            var pull = host.ManifestAsync("up/team/app", $"{tag}");
            await upstream.WhenRequestsReach(tag);
            time.Advance(TimeSpan.FromSeconds(30));
            using var failed = await pull;
            Assert.Equal(HttpStatusCode.GatewayTimeout, failed.StatusCode);
        }

        await host.Log.WhenLineAsync("does not answer and is not asked");
        upstream.ClearRequests();
        using var refused = await host.ManifestAsync("up/team/app", "1");
        Assert.Equal(HttpStatusCode.GatewayTimeout, refused.StatusCode);
        upstream.AssertNoRequests();
        hole.Disarm();
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("answers again"), TimeSpan.FromMilliseconds(50));
        Assert.Equal("2", Assert.Single(upstream.Requests()).Reference);
        await host.PullManifestAsync("up/team/app", "1");
    }

    [Fact]
    public async Task A_lost_or_short_file_is_a_cold_miss()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullAsync("up/team/app", Image, "1");
        await host.Log.WhenLineAsync($"Filled {Image.Layer.Digest}");
        var file = Directory.GetFiles(Path.Join(host.DataFolder, "store"), Image.Layer.Digest.Hex, SearchOption.AllDirectories).Single();

        File.Delete(file);
        await host.PullAsync("up/team/app", Image, "1");
        await host.Log.WhenLineAsync($"Filled {Image.Layer.Digest}", times: 2);
        await File.WriteAllTextAsync(file, "short", TestContext.Current.CancellationToken);
        using var head = await host.BlobAsync("up/team/app", Image.Layer.Digest, method: HttpMethod.Head);
        Assert.Equal(Image.Layer.Length, head.Content.Headers.ContentLength);
        await host.PullAsync("up/team/app", Image, "1");
        Assert.Equal(3, upstream.Requests(RequestKind.Blob).Count(request => request.Reference == Image.Layer.Digest.ToString()));
    }

    [Fact]
    public async Task A_stored_file_that_the_catalog_does_not_list_is_adopted()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullManifestAsync("up/team/app", "1");
        var folder = Path.Join(host.DataFolder, "store", "sha256", Image.Layer.Digest.Hex[..2]);
        Directory.CreateDirectory(folder);
        await File.WriteAllBytesAsync(Path.Join(folder, Image.Layer.Digest.Hex), Image.Layer.ToArray(), TestContext.Current.CancellationToken);

        using var blob = await host.BlobAsync("up/team/app", Image.Layer.Digest);
        Assert.Equal("revalidated", blob.CacheStatus());
        Assert.Equal(Image.Layer.Digest, Image.Layer.Digest.Rehash(await blob.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        var range = Assert.Single(upstream.Requests(RequestKind.Blob)).Range!;
        Assert.InRange((long)(range.To - range.From)!, 0, 63);
    }

    [Fact]
    public async Task A_refusal_is_not_remembered_for_a_credential_that_came_while_the_old_one_was_refused()
    {
        using var secrets = new TemporaryFolder();
        var file = secrets.File("credential.json");
        await File.WriteAllTextAsync(file, """{"username": "u", "accessToken": "old"}""", TestContext.Current.CancellationToken);
        await using var upstream = await Millpond.Tests.Upstream.TestServer.StartAsync(async context =>
        {
            await File.WriteAllTextAsync(file, """{"username": "u", "accessToken": "new"}""");
            context.Response.StatusCode = 403;
        });
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream.Url) with { Credential = new CredentialSource(file, null, null) }]);
        foreach (var path in new[] { $"manifests/{Image.Digest}", $"blobs/{Image.Layer.Digest}", "tags/list" })
        {
            await File.WriteAllTextAsync(file, """{"username": "u", "accessToken": "old"}""", TestContext.Current.CancellationToken);
            for (var i = 1; i <= 2; i++)
            {
                upstream.Requests.Clear();
                using var refused = await host.Client.GetAsync(new Uri(host.Address, $"/v2/up/team/app/{path}"), TestContext.Current.CancellationToken);
                Assert.Equal(HttpStatusCode.BadGateway, refused.StatusCode);
                Assert.NotEmpty(upstream.Requests);
            }
        }
    }
}
