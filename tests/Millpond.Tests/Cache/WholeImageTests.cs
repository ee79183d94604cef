using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>An image that was pulled once is whole, for the node that lacks the layers which the first one had.</summary>
public sealed class WholeImageTests
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 211, layers: 3);

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task The_base_layer_that_the_first_client_had_is_here_for_the_second()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream);
        await PullAboveTheBaseAsync(host);
        Assert.DoesNotContain(upstream.Requests(RequestKind.Blob), request => request.Reference == Image.Blobs[1].Digest.ToString());
        Assert.Contains("millpond_images_incomplete{rule=\"up\"", await TextAsync(host, "/metrics"), StringComparison.Ordinal);
        Assert.Contains("\"imagesIncomplete\": 1", await TextAsync(host, "/-/upstreams"), StringComparison.Ordinal);

        // Its own pull may bring the rest until it has been quiet for 30 s.
        time.Advance(TimeSpan.FromSeconds(29));
        (await host.BlobAsync("up/team/app", Image.Blobs[3].Digest)).Dispose();
        time.Advance(TimeSpan.FromSeconds(29));
        Assert.DoesNotContain(upstream.Requests(RequestKind.Blob), request => request.Reference == Image.Blobs[1].Digest.ToString());
        await AdvanceUntilAsync(host.Log.WhenLineAsync("is whole"));
        Assert.Contains("\"imagesIncomplete\": 0", await TextAsync(host, "/-/upstreams"), StringComparison.Ordinal);
        upstream.GoDown();
        await host.PullAsync("up/team/app", Image, "1");
    }

    [Fact]
    public async Task A_base_layer_that_another_repository_brought_is_proved_for_this_one()
    {
        await using var upstream = await NewUpstreamAsync();
        upstream.Add("team/base", Image, "1");
        await using var host = await NewHostAsync(upstream);
        await host.PullAsync("up/team/base", Image, "1");
        await PullAboveTheBaseAsync(host);
        await AdvanceUntilAsync(host.Log.WhenLineAsync($"Image {Image.Digest} of up/team/app is whole"));
        upstream.GoDown();
        await host.PullAsync("up/team/app", Image, "1");
    }

    [Theory]
    [InlineData(ImageCompletion.Layers, false)]
    [InlineData(ImageCompletion.Never, true)]
    public async Task An_inspection_makes_nothing_and_never_is_never(ImageCompletion mode, bool withLayer)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream, mode);
        await host.PullManifestAsync("up/team/app", "1");
        using (var config = await host.BlobAsync("up/team/app", Image.Blobs[withLayer ? 2 : 0].Digest))
        {
            await config.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        }

        time.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains("\"imagesIncomplete\": 0", await TextAsync(host, "/-/upstreams"), StringComparison.Ordinal);
        Assert.Single(upstream.Requests(RequestKind.Blob));
    }

    [Fact]
    public async Task Always_needs_the_manifest_alone()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream, ImageCompletion.Always);
        await host.PullManifestAsync("up/team/app", "1");
        await AdvanceUntilAsync(host.Log.WhenLineAsync("is whole"));
        upstream.GoDown();
        await host.PullAsync("up/team/app", Image, "1");
    }

    [Fact]
    public async Task What_a_stop_left_is_made_whole_after_the_next_start()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await NewHostAsync(upstream, data: data);
        await PullAboveTheBaseAsync(host);
        await host.RestartAsync();
        await AdvanceUntilAsync(host.Log.WhenLineAsync("is whole"));
        upstream.GoDown();
        await host.PullAsync("up/team/app", Image, "1");
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }

    private static async Task PullAboveTheBaseAsync(MillpondHost host)
    {
        await host.PullManifestAsync("up/team/app", "1");
        foreach (var blob in new[] { Image.Blobs[0], Image.Blobs[2], Image.Blobs[3] })
        {
            using var answer = await host.BlobAsync("up/team/app", blob.Digest);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        }
    }

    private static Task<string> TextAsync(MillpondHost host, string path) =>
        host.Client.GetStringAsync(new Uri(host.Address, path), TestContext.Current.CancellationToken);

    private Task<MillpondHost> NewHostAsync(FakeUpstream upstream, ImageCompletion mode = ImageCompletion.Layers, TemporaryFolder? data = null) =>
        MillpondHost.StartAsync([MillpondHost.Rule("up", upstream) with { CompleteImages = mode }], new MillpondHostOptions { Time = time, Data = data });

    /// <summary>Moves the clock until the work is done: nothing says when a wait has begun.</summary>
    private async Task AdvanceUntilAsync(Task work)
    {
        var patience = Stopwatch.StartNew();
        while (!work.IsCompleted && patience.Elapsed < Patience.Limit)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        await work.WaitAsync(Patience.Limit);
    }
}
