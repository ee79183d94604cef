using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class ShutdownTests
{
    private static readonly TestImage Index = TestImages.TwoPlatforms(seed: 51);

    [Fact]
    public async Task Background_work_does_not_hold_up_the_end_and_starts_nothing_after_it()
    {
        // On this clock no grace ever ends: whoever waited for it would wait for ever.
        var time = new FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Index, "1");
        var first = upstream.Park(Index.Children[0].Blobs[0].Digest, after: 10);
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream) with { CompleteIndexes = IndexCompletion.Everything }], new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        await first.WhenReached();

        await host.Server.StopAsync().WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        upstream.ClearRequests();
        await host.Server.DisposeAsync();
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task A_fill_with_a_reader_runs_on_until_the_grace_ends_and_keeps_its_partial()
    {
        var layer = TestBlob.Generated(seed: 52, length: 1_000_000);
        var time = new FakeTimeProvider();
        using var data = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.WithLayers(layer), "1");
        var gate = upstream.Park(layer.Digest, after: 500_000);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time, Data = data });
        await host.PullManifestAsync("up/team/app", "1");
        using var response = await host.BlobAsync("up/team/app", layer.Digest);
        await gate.WhenReached();

        var stopping = host.Server.StopAsync();
        Assert.False(stopping.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(30));
        await stopping.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));

        upstream.ClearRequests();
        gate.Open();
        await host.RestartAsync();
        using var again = await host.BlobAsync("up/team/app", layer.Digest);
        Assert.Equal(layer.Digest, layer.Digest.Rehash(await again.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        Assert.True(Assert.Single(upstream.Requests(RequestKind.Blob)).IsResume);
    }
}
