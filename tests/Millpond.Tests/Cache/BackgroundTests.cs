using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Background work that fails says so and goes on: one bad moment must not end it until a restart.</summary>
public sealed class BackgroundTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMinutes(1);
    private static readonly TestBlob Layer = TestBlob.Generated(seed: 361, length: 300_000);

    private readonly FakeTimeProvider time = new(DateTimeOffset.UtcNow);

    [Fact]
    public async Task The_walk_for_unlisted_blobs_survives_a_store_that_cannot_be_read()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { Time = time, AllowErrors = true });
        var (store, away) = (Path.Join(host.DataFolder, "store"), Path.Join(host.DataFolder, "away"));
        Directory.Move(store, away);
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("Background work of the cache has failed"), Step);

        Directory.Move(away, store);
        var folder = Directory.CreateDirectory(Path.Join(store, "sha256", Layer.Digest.Hex[..2]));
        await File.WriteAllBytesAsync(Path.Join(folder.FullName, Layer.Digest.Hex), Layer.ToArray(), TestContext.Current.CancellationToken);
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync($"Adopted {Layer.Digest}"), Step);
    }

    [Fact]
    public async Task The_walk_survives_a_catalog_that_takes_nothing()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { Time = time, AllowErrors = true });
        var other = TestBlob.Generated(seed: 362, length: 300_000);
        foreach (var blob in new[] { Layer, other })
        {
            var folder = Directory.CreateDirectory(Path.Join(host.DataFolder, "store", "sha256", blob.Digest.Hex[..2]));
            await File.WriteAllBytesAsync(Path.Join(folder.FullName, blob.Digest.Hex), blob.ToArray(), TestContext.Current.CancellationToken);
        }

        Change(host, $"CREATE TRIGGER none BEFORE INSERT ON blobs WHEN NEW.digest = '{Layer.Digest}' BEGIN SELECT RAISE(FAIL, 'no'); END");
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync($"Adopted {other.Digest}"), Step);
        Assert.DoesNotContain(host.Log.Lines, line => line.Message.Contains("Background work of the cache has failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_sweep_of_partials_goes_on_after_a_folder_that_could_not_be_read()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { Time = time, AllowErrors = true });
        var (staging, away) = (Path.Join(host.DataFolder, "staging"), Path.Join(host.DataFolder, "away"));
        Directory.Move(staging, away);
        for (var hour = 0; hour < 3; hour++)
        {
            time.Advance(TimeSpan.FromHours(1));
            await Task.Yield();
        }

        Directory.Move(away, staging);
        var left = Path.Join(staging, $"sha256-{Layer.Digest.Hex}");
        await File.WriteAllTextAsync(left, "a partial without a note", TestContext.Current.CancellationToken);
        await time.AdvanceUntilAsync(WhenGoneAsync(left), TimeSpan.FromMinutes(30));
    }

    [Fact]
    public async Task Completion_survives_a_catalog_that_does_not_take_its_end()
    {
        var images = Enumerable.Range(0, 5).Select(i => TestImages.TwoPlatforms(seed: 370 + i)).ToArray();
        await using var upstream = await FakeUpstream.StartAsync();
        for (var i = 0; i < images.Length; i++)
        {
            upstream.Add($"team/app{i}", images[i], "1");
        }

        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }], new() { Time = time, AllowErrors = true });
        Change(host, "CREATE TRIGGER none BEFORE DELETE ON incomplete BEGIN SELECT RAISE(FAIL, 'no'); END");

        // More than there are workers: each of them meets it.
        for (var i = 0; i < 4; i++)
        {
            await host.PullManifestAsync($"up/team/app{i}", "1");
        }

        await host.Log.WhenLineAsync("failed inside the server", times: 4);
        Change(host, "DROP TRIGGER none");
        await host.PullManifestAsync("up/team/app4", "1");
        await host.Log.WhenLineAsync("Completed index");
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("Completed index", times: 5), Step);
        upstream.GoDown();
        for (var i = 0; i < images.Length; i++)
        {
            await host.PullAsync($"up/team/app{i}", images[i], "1");
        }
    }

    private static void Change(MillpondHost host, string sql)
    {
        using var other = new SqliteConnection($"Data Source={host.DataFolder}/catalog/catalog.db;Pooling=False");
        other.Execute(sql);
    }

    private static async Task WhenGoneAsync(string file)
    {
        while (File.Exists(file))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
