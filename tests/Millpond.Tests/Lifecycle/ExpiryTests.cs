using Microsoft.Data.Sqlite;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Lifecycle;

/// <summary>Policies over the whole server: what leaves, when, and what is left alone.</summary>
public sealed class ExpiryTests
{
    private const string Thirty = """
        "selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}
        """;

    private const string LastTwo = """
        "selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":2},"action":{"type":"expire"}
        """;

    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task What_a_cache_holds_goes_thirty_days_after_it_came_and_the_next_pull_caches_it_again()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var image = TestImages.OnePlatform(1);
        world.Upstream.Add("app", image, "1");
        await world.Host.PullAsync("up/app", image, "1");
        var came = (double)Assert.Single(await world.ImagesAsync("up/app"))["imagePushedAt"]!;
        Assert.Null((await world.EcrAsync("GetLifecyclePolicy", new { repositoryName = "up/app" }))["lastEvaluatedAt"]);

        // However often it is pulled.
        world.Time.Advance(29 * Day);
        Assert.Equal(200, (await world.PullAsync("up/app", "1")).Status);
        await world.UntilRunAsync(world.Runs + 1);
        Assert.Single(await world.ImagesAsync("up/app"));
        Assert.NotNull((await world.EcrAsync("GetLifecyclePolicy", new { repositoryName = "up/app" }))["lastEvaluatedAt"]);

        world.Time.Advance(1.5 * Day);
        await world.UntilAsync(async () => (await world.ImagesAsync("up/app")).Count == 0);
        var line = await world.Host.Log.WhenLineAsync("audit: lifecycle policy expired");
        Assert.Contains($"up/app@{image.Digest} (tags: 1): rule 1, 3", line.Message, StringComparison.Ordinal);

        world.Upstream.ClearRequests();
        Assert.Equal((200, "miss"), await world.PullAsync("up/app", "1"));
        Assert.NotEmpty(world.Upstream.Requests(RequestKind.Manifest));
        Assert.True((double)Assert.Single(await world.ImagesAsync("up/app"))["imagePushedAt"]! - came > 30 * 86400);
        Assert.Equal((0, 0, 0), await world.RunAsync("up/app"));
        Assert.Equal((200, "hit"), await world.PullAsync("up/app", "1"));
    }

    [Fact]
    public async Task The_layers_of_an_image_that_expires_are_still_there_for_who_is_pulling_it()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var image = TestImages.OnePlatform(1);
        world.Upstream.Add("app", image, "1");
        await world.Host.PullAsync("up/app", image, "1");
        world.Time.Advance(31 * Day);
        await world.RunAsync("up/app");
        Assert.Empty(await world.ImagesAsync("up/app"));
        world.Upstream.GoDown();
        foreach (var blob in image.Blobs)
        {
            using var answer = await world.Host.BlobAsync("up/app", blob.Digest);
            Assert.True(answer.IsSuccessStatusCode);
        }
    }

    [Fact]
    public async Task The_last_pull_counts_where_the_policy_names_it()
    {
        await using var world = await LifecycleWorld.StartAsync();
        foreach (var number in (int[])[1, 2])
        {
            await world.Pusher("team/app").PushAsync(TestImages.OnePlatform(number), $"v{number}");
        }

        await world.PutPolicyAsync("team/app", Thirty.Replace("sinceImagePushed", "sinceImagePulled", StringComparison.Ordinal));
        world.Time.Advance(20 * Day);
        Assert.Equal(200, (await world.PullAsync("team/app", "v2")).Status);
        await world.UntilRunAsync(world.Runs + 1);
        world.Time.Advance(15 * Day);
        await world.UntilAsync(async () => (await world.ImagesAsync("team/app")).Count == 1);
        Assert.Equal("v2", (string)Assert.Single(await world.ImagesAsync("team/app"))["imageTags"]![0]!);
    }

    [Fact]
    public async Task Of_what_was_pushed_the_newest_stay_lists_go_before_what_they_name_and_referrers_with_their_subject()
    {
        await using var world = await LifecycleWorld.StartByHandAsync();
        var team = world.Pusher("team/app");
        var index = TestImages.TwoPlatforms(1);
        var signed = TestImages.OnePlatform(7);
        await team.PushAsync(index, "v1");
        world.Time.Advance(Day);
        await team.PushAsync(signed, "v2");
        var signature = TestImages.Artifact("application/x.signature", signed.Manifest);
        await team.PushAsync(signature);
        await team.PushAsync(TestImages.Artifact("application/x.note", signature.Manifest, """{"of":"signature"}"""));
        world.Time.Advance(Day);
        foreach (var number in (int[])[8, 9])
        {
            await team.PushAsync(TestImages.OnePlatform(number), $"v{number}");
            world.Time.Advance(Day);
        }

        await world.PutPolicyAsync("team/app", LastTwo);

        // Ranked are the index and three images; the signatures go with v2, the index's children come next.
        Assert.Equal((4, 0, 0), await world.RunAsync("team/app"));
        Assert.Equal(2 + index.Children.Count, (await world.ImagesAsync("team/app")).Count);
        Assert.Equal((index.Children.Count, 0, 0), await world.RunAsync("team/app"));
        Assert.Equal(["v8", "v9"], (await world.ImagesAsync("team/app")).Select(image => (string)image["imageTags"]![0]!).Order());
        Assert.Equal(404, (await world.PullAsync("team/app", "v1")).Status);
        Assert.Equal(404, (await world.PullAsync("team/app", signed.Digest.ToString())).Status);
        Assert.Equal(200, (await world.PullAsync("team/app", "v9")).Status);
    }

    [Fact]
    public async Task An_archived_image_is_kept_told_and_not_pulled_until_it_is_restored()
    {
        await using var world = await LifecycleWorld.StartByHandAsync();
        var (old, other) = (TestImages.OnePlatform(1), TestImages.OnePlatform(2));
        await world.Pusher("team/app").PushAsync(old, "v1");
        world.Time.Advance(40 * Day);
        await world.Pusher("team/app").PushAsync(other, "v2");
        await world.PutPolicyAsync("team/app", Thirty.Replace("\"expire\"", "\"transition\",\"targetStorageClass\":\"archive\"", StringComparison.Ordinal));
        Assert.Equal(200, (await world.PullAsync("team/app", "v1")).Status);
        Assert.Equal((0, 1, 0), await world.RunAsync("team/app"));

        using (var refused = await world.Host.ManifestAsync("team/app", "v1"))
        {
            Assert.Equal(404, (int)refused.StatusCode);
            Assert.Contains("archived", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(404, (await world.PullAsync("team/app", old.Digest.ToString())).Status);
        var described = (await world.EcrAsync("DescribeImages", new { repositoryName = "team/app", imageIds = new[] { new { imageTag = "v1" } } }))["imageDetails"]![0]!;
        Assert.Equal(("ARCHIVED", "v1"), ((string)described["imageStatus"]!, (string)described["imageTags"]![0]!));
        Assert.NotNull(described["lastArchivedAt"]);
        Assert.Single((await world.EcrAsync("DescribeImages", new { repositoryName = "team/app", filter = new { imageStatus = "ACTIVE" } }))["imageDetails"]!.AsArray());
        Assert.Equal((0, 0, 0), await world.RunAsync("team/app"));

        var input = new { repositoryName = "team/app", imageId = new { imageTag = "v1" }, targetStorageClass = "STANDARD" };
        Assert.Equal("ACTIVE", (string)(await world.EcrAsync("UpdateImageStorageClass", input))["imageStatus"]!);
        Assert.Equal("ImageStorageClassUpdateNotSupportedException", (await world.TryEcrAsync("UpdateImageStorageClass", input)).Type);
        Assert.Equal(200, (await world.PullAsync("team/app", "v1")).Status);

        // Its days count from the restoring on, and pushing it again restores it too.
        Assert.Equal((0, 0, 0), await world.RunAsync("team/app"));
        await world.EcrAsync("UpdateImageStorageClass", input with { targetStorageClass = "ARCHIVE" });
        Assert.Equal(404, (await world.PullAsync("team/app", "v1")).Status);
        await world.Pusher("team/app").PushAsync(old);
        Assert.Equal(200, (await world.PullAsync("team/app", "v1")).Status);

        // Deleted while archived, it is gone.
        await world.EcrAsync("UpdateImageStorageClass", input with { targetStorageClass = "ARCHIVE" });
        var gone = await world.EcrAsync("BatchDeleteImage", new { repositoryName = "team/app", imageIds = new[] { new { imageTag = "v1" } } });
        Assert.Empty(gone["failures"]!.AsArray());
        Assert.Single(await world.ImagesAsync("team/app"));
    }

    [Fact]
    public async Task A_policy_that_cannot_be_read_is_told_and_passed_over()
    {
        using var data = new TemporaryFolder();
        await using var world = await LifecycleWorld.StartAsync(data: data);
        foreach (var name in (string[])["team/a", "team/b"])
        {
            await world.Pusher(name).PushAsync(TestImages.OnePlatform(1), "1");
            await world.PutPolicyAsync(name, Thirty);
        }

        Write(data, "UPDATE control_settings SET value = '{\"rules\":7}' WHERE kind = 'lifecycle-policy' AND name = 'team/a'");
        world.Time.Advance(31 * Day);
        await world.UntilAsync(async () => (await world.ImagesAsync("team/b")).Count == 0);
        await world.Host.Log.WhenLineAsync("The lifecycle policy of team/a cannot be read");
        Assert.Single(await world.ImagesAsync("team/a"));
    }

    [Fact]
    public async Task A_run_that_a_restart_has_cut_goes_on_where_it_was()
    {
        using var data = new TemporaryFolder();
        await using var world = await LifecycleWorld.StartAsync(data: data);
        foreach (var name in (string[])["team/a", "team/b", "team/c"])
        {
            await world.Pusher(name).PushAsync(TestImages.OnePlatform(1), "1");
            await world.PutPolicyAsync(name, Thirty);
        }

        await world.UntilRunAsync();
        world.Time.Advance(5 * Day);
        await world.UntilRunAsync(world.Runs + 1);
        Write(data, "UPDATE links SET linked_at = 1; INSERT INTO lifecycle_state (name, value) VALUES ('cursor', 'team/a')");
        await world.Host.RestartAsync();
        var runs = world.Runs;
        await world.UntilRunAsync(runs + 1);
        var line = world.Host.Log.Lines.Where(line => line.Message.Contains("lifecycle run over", StringComparison.Ordinal)).ElementAt(runs);
        Assert.Contains("over 2 policies: 2 images expired", line.Message, StringComparison.Ordinal);
        await world.UntilAsync(async () => (await world.ImagesAsync("team/a")).Count == 0);
    }

    [Fact]
    public async Task A_clock_that_leaps_while_the_server_is_stopped_expires_nothing_for_a_day()
    {
        await using var world = await LifecycleWorld.StartAsync();
        await world.Pusher("team/app").PushAsync(TestImages.OnePlatform(1), "1");
        await world.PutPolicyAsync("team/app", Thirty);
        await world.UntilRunAsync();
        await world.Host.Server.StopAsync();
        await world.Host.Server.DisposeAsync();
        world.Time.Advance(400 * Day);
        await world.Host.RestartAsync();
        await world.Time.AdvanceUntilAsync(world.Host.Log.WhenLineAsync("no lifecycle policy runs before"), TimeSpan.FromMinutes(1));
        var runs = world.Runs;
        for (var hour = 0; hour < 20; hour++)
        {
            world.Time.Advance(TimeSpan.FromHours(1));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Equal(runs, world.Runs);
        Assert.Single(await world.ImagesAsync("team/app"));

        // Who says that the clock is right has it run.
        await world.OwnAsync("RunLifecycle", new { });
        await world.UntilAsync(async () => (await world.ImagesAsync("team/app")).Count == 0);
    }

    [Fact]
    public async Task Runs_at_once_with_pushes_and_pulls_of_the_same_image_leave_no_tag_without_its_image()
    {
        await using var world = await LifecycleWorld.StartAsync();
        var image = TestImages.OnePlatform(1);
        await world.Pusher("team/app").PushAsync(image, "v0");
        await world.PutPolicyAsync("team/app", Thirty);
        for (var round = 0; round < 10; round++)
        {
            world.Time.Advance(31 * Day);
            var pulls = Enumerable.Range(0, 5).Select(async _ => Assert.Contains((await world.PullAsync("team/app", "v0")).Status, (int[])[200, 404]));
            var runs = Enumerable.Range(0, 3).Select(async i => (await world.RunAsync("team/app", force: i == 0)).Expired);
            await Task.WhenAll([.. pulls, .. runs, world.Pusher("team/app").PushAsync(image, $"v{round}"), world.Pusher("team/app").PushAsync(image, "v0")]);
            foreach (var tag in (await world.EcrAsync("ListImages", new { repositoryName = "team/app" }))["imageIds"]!.AsArray().Select(id => (string?)id!["imageTag"]).OfType<string>())
            {
                Assert.Equal(200, (await world.PullAsync("team/app", tag)).Status);
            }
        }

        await world.Pusher("team/app").PushAsync(image, "last");
        Assert.Equal(200, (await world.PullAsync("team/app", "last")).Status);
    }

    private static void Write(TemporaryFolder data, string sql)
    {
        using var catalog = new SqliteConnection($"Data Source={data.File("data/catalog/catalog.db")};Pooling=False");
        catalog.Open();
        using var command = catalog.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
