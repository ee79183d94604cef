using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Downloads that go on after something broke.</summary>
public sealed partial class ResumeTests
{
    private const int Half = 1_000_000;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 71, length: 2 * Half);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    [Fact]
    public async Task An_upstream_that_restarts_for_half_a_minute_does_not_end_a_running_download()
    {
        var time = new EagerTime();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);
        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        await using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var start = new byte[Half];
        await body.ReadExactlyAsync(start, TestContext.Current.CancellationToken);

        // Probes go out after 1, 2, 4 and 8 seconds, which this clock skips; the next after 16.
        upstream.GoDown();
        gate.Open();
        await time.WhenAwaitedAsync(TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(16));
        upstream.ComeBack();
        time.Advance(TimeSpan.FromSeconds(16));
        using var rest = new MemoryStream();
        await body.CopyToAsync(rest, TestContext.Current.CancellationToken);
        Assert.Equal(Layer.ToArray(), start.Concat(rest.ToArray()));
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, (long)(Layer.Length * 1.3));
    }

    [Fact]
    public async Task An_upstream_that_stays_away_ends_it_after_two_minutes_and_the_partial_is_kept()
    {
        var time = new EagerTime();
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        var gate = upstream.Park(Layer.Digest, after: Half);
        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        await gate.WhenReached();
        upstream.GoDown();
        gate.Open();

        // Of its two minutes some seconds may be gone, which this clock skips.
        await time.WhenAwaitedAsync(TimeSpan.FromSeconds(90), TimeSpan.FromMinutes(2));
        time.Advance(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Contains("2 minutes", (await host.Log.WhenLineAsync($"Could not fill {Layer.Digest}")).Message, StringComparison.Ordinal);

        upstream.ComeBack();
        upstream.ClearRequests();
        await time.AdvanceUntilAsync(host.Log.WhenLineAsync("answers again"), TimeSpan.FromSeconds(30));
        using var again = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.ToArray(), await again.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.True(Assert.Single(upstream.Requests(RequestKind.Blob), request => request.Range?.To != 0 && request.Reference == Layer.Digest.ToString()).IsResume);
    }

    [Fact]
    public async Task An_upstream_without_ranges_may_take_its_time_to_send_again_what_is_here()
    {
        var time = new FakeTimeProvider();
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        Partials.Leave(data.File("data"), Layer, written: Half, size: Layer.Length, repository: "up/team/app", upstream: upstream);
        Gate[] gates = [.. Enumerable.Range(1, 4).Select(step => upstream.Park(Layer.Digest, after: step * 200_000))];
        upstream.Arm(UpstreamFault.IgnoresRange, times: int.MaxValue);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time, Data = data });
        await host.PullManifestAsync("up/team/app", "1");

        // Never silent for 30 s, but far longer than any bound for a first answer, and than the window of the minimum rate.
        var pull = host.BlobAsync("up/team/app", Layer.Digest);
        foreach (var gate in gates)
        {
            await gate.WhenReached();
            await WhenReceivedAsync(host, gate.After);
            time.Advance(TimeSpan.FromSeconds(25));
            gate.Open();
        }

        using var response = await pull;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Layer.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Single(upstream.Requests(RequestKind.Blob), request => request.Reference == Layer.Digest.ToString());
    }

    [Theory]
    [InlineData(2 * Half + 5, null)]
    [InlineData(2 * Half + 5, 2 * Half + 9)]
    [InlineData(Half, 2 * Half + 9)]
    public async Task A_partial_that_upstream_cannot_continue_is_fetched_again_from_its_first_byte(int written, int? size)
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        Partials.Leave(data.File("data"), Layer, written, size, repository: "up/team/app", upstream: upstream);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Layer.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_partial_longer_than_its_manifest_says_is_fetched_again_from_its_first_byte()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        Partials.Leave(data.File("data"), Layer, written: 2 * Half + 5, size: null, repository: "up/team/app", upstream: upstream);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullManifestAsync("up/team/app", "1");

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Where_an_upstream_answers_ranges_wrongly_each_time_the_blob_is_fetched_from_its_first_byte()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        Partials.Leave(data.File("data"), Layer, written: Half, size: Layer.Length, repository: "up/team/app", upstream: upstream);
        upstream.Arm(UpstreamFault.WrongRangeStart, times: 2, kind: RequestKind.Blob);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullManifestAsync("up/team/app", "1");

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Layer.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Null(upstream.Requests(RequestKind.Blob)[^1].Range);
    }

    [Fact]
    public async Task A_blob_host_that_refuses_once_costs_no_partial()
    {
        using var data = new TemporaryFolder();
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { RedirectBlobs = true });
        upstream.Add("team/app", Image, "1");
        Partials.Leave(data.File("data"), Layer, written: Half, size: Layer.Length, repository: "up/team/app", upstream: upstream);
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Data = data });
        await host.PullManifestAsync("up/team/app", "1");
        upstream.Arm(UpstreamFault.ExpiredRedirect);

        using var response = await host.BlobAsync("up/team/app", Layer.Digest);
        Assert.Equal(Layer.ToArray(), await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(Half, upstream.BytesSentOf(Layer.Digest));
    }

    /// <summary>Ends when the cache has read so many bytes from its upstream: the clock may only move then.</summary>
    private static async Task WhenReceivedAsync(MillpondHost host, long bytes)
    {
        for (var attempt = 0; ; attempt++)
        {
            var metrics = await host.Client.GetStringAsync(new Uri(host.Address, "/metrics"), TestContext.Current.CancellationToken);
            if (BytesReceived().Match(metrics) is { Success: true } match && long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) >= bytes)
            {
                return;
            }

            Assert.True(attempt < 10_000, "The bytes do not come:\n" + metrics);
        }
    }

    [GeneratedRegex("^millpond_upstream_bytes_total[^ ]* ([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex BytesReceived();

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }
}
