using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>The rows of the fault matrix that are the clients' or the machine's doing.</summary>
public sealed class ClientBehaviourTests
{
    private const string Repository = "up/team/app";

    /// <summary>More than the buffers of two connections hold, so that a client that does not read is felt.</summary>
    private const int Length = 12 << 20;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 21, length: Length);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    [Theory]
    [InlineData(2)]
    [InlineData(50)]
    public async Task The_first_client_leaves_at_a_tenth_and_the_others_notice_nothing(int clients)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { Configure = WithoutOrphans });
        await host.PullManifestAsync(Repository, "1");
        var gate = upstream.Park(Layer.Digest, after: Length / 10);
        var first = await host.BlobAsync(Repository, Layer.Digest);
        var others = await Task.WhenAll(Enumerable.Range(1, clients - 1).Select(_ => host.BlobAsync(Repository, Layer.Digest)));
        await gate.WhenReached();
        first.Dispose();
        gate.Open();

        await Task.WhenAll(others.Select(AssertWholeAsync));
        Assert.Single(upstream.Requests(RequestKind.Blob));
        Assert.Equal(Length, upstream.BytesSentOf(Layer.Digest));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(50)]
    public async Task All_clients_leave_and_the_next_one_goes_on_from_what_is_here(int clients)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new() { Configure = WithoutOrphans });
        await host.PullManifestAsync(Repository, "1");
        var gate = upstream.Park(Layer.Digest, after: Length / 10);
        var leaving = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => host.BlobAsync(Repository, Layer.Digest)));
        await gate.WhenReached();
        Assert.All(leaving, response => response.Dispose());
        await host.Log.WhenLineAsync($"Paused {Layer.Digest}");
        gate.Open();

        await AssertWholeAsync(await host.BlobAsync(Repository, Layer.Digest));
        Assert.Equal([false, true], upstream.Requests(RequestKind.Blob).Select(request => request.IsResume));
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Length, Length * 1.11);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(49)]
    public async Task A_client_that_does_not_read_holds_up_nobody(int fast)
    {
        await using var upstream = await NewUpstreamAsync();
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync(Repository, "1");
        var slow = await host.BlobAsync(Repository, Layer.Digest);

        await Task.WhenAll(Enumerable.Range(0, fast).Select(async _ => await AssertWholeAsync(await host.BlobAsync(Repository, Layer.Digest))));
        await AssertWholeAsync(slow);
        Assert.Single(upstream.Requests(RequestKind.Blob));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(20)]
    public async Task A_disk_that_fills_up_half_way_fails_no_pull_and_keeps_what_fits_afterwards(int clients)
    {
        using var folder = new TemporaryFolder();
        using var disk = SmallDisk.Mount(folder.Path, megabytes: 10);
        await using var upstream = await NewUpstreamAsync();
        var small = TestImages.OnePlatform(7);
        upstream.Add("team/small", small, "1");
        await using var host = await MillpondHost.StartAsync(upstream, new() { Data = folder });

        // Nobody says how long it is, so that no room can be promised or refused before.
        upstream.Arm(UpstreamFault.NoContentLength, times: int.MaxValue, reference: Layer.Digest.ToString());
        var gate = upstream.Park(Layer.Digest, after: 1 << 20);
        var pulls = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => host.BlobAsync(Repository, Layer.Digest)));
        gate.Open();
        await Task.WhenAll(pulls.Select(AssertWholeAsync));
        await host.Log.WhenLineAsync($"{Layer.Digest} could not be stored");

        await host.PullAsync("up/team/small", small, "1");
        upstream.GoDown();
        await host.PullAsync("up/team/small", small, "1");
        Assert.Empty(Directory.EnumerateFiles(Path.Join(host.DataFolder, "staging"), $"*{Layer.Digest.Hex}"));
    }

    [Fact]
    public async Task A_thousand_tags_are_listed_page_by_page_also_with_the_upstream_gone()
    {
        var time = new EagerTime();
        await using var upstream = await FakeUpstream.StartAsync(new() { TagPage = 100 });
        string[] tags = [.. Enumerable.Range(0, 1000).Select(n => $"v1.{n}").Order(StringComparer.Ordinal)];
        upstream.Add("team/app", TestImages.OnePlatform(), tags);
        await using var host = await MillpondHost.StartAsync(upstream, new() { Time = time });

        Assert.Equal(tags, await ListAsync("/v2/up/team/app/tags/list"));
        Assert.Equal(tags, await ListAsync("/v2/up/team/app/tags/list?n=300"));
        upstream.GoDown();
        time.Advance(TimeSpan.FromHours(25));
        Assert.Equal(tags, await ListAsync("/v2/up/team/app/tags/list?n=300"));

        async Task<List<string>> ListAsync(string path)
        {
            List<string> listed = [];
            while (path.Length > 0)
            {
                using var page = await host.Client.GetAsync(new Uri(host.Address, path));
                Assert.Equal(HttpStatusCode.OK, page.StatusCode);
                listed.AddRange((await page.Content.ReadFromJsonAsync<JsonObject>())!["tags"]!.AsArray().Select(tag => (string)tag!));
                path = page.Headers.TryGetValues("Link", out var link) ? link.Single().Split('>')[0][1..] : "";
            }

            return listed;
        }
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }

    private static Server.Configuration.ServerConfiguration WithoutOrphans(Server.Configuration.ServerConfiguration all) =>
        all with { Storage = all.Storage with { OrphanFills = 0, NearlyDone = 0 } };

    private static async Task AssertWholeAsync(HttpResponseMessage response)
    {
        using (response)
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await using var body = await response.Content.ReadAsStreamAsync();
            var hash = await System.Security.Cryptography.SHA256.HashDataAsync(body);
            Assert.Equal(Layer.Digest.Hex, Convert.ToHexStringLower(hash));
        }
    }
}
