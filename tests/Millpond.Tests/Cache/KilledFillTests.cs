using System.Security.Cryptography;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>kill -9 in each state of a fill: nothing is served broken afterwards, and nothing that was here is fetched again.</summary>
[Trait("Category", "Heavy")]
public sealed class KilledFillTests
{
    private const int Length = 8 << 20;
    private const string BlobPath = "/v2/up/team/app/blobs/";

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 31, length: Length);
    private static readonly TestImage Image = TestImages.WithLayers(Layer);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Length / 2)]
    [InlineData(Length - 1)]
    public async Task Killed_in_mid_fill_the_next_pull_goes_on_from_what_is_here(int sent)
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        var gate = upstream.Park(Layer.Digest, after: sent);
        using (var http = new HttpClient())
        {
            await using var millpond = await StartAsync(folder, upstream);
            await PullManifestAsync(http, millpond);
            var pull = http.GetAsync(new Uri(millpond.Address, BlobPath + Layer.Digest), HttpCompletionOption.ResponseHeadersRead);
            await gate.WhenReached();

            // Whose it is stands there a moment after its first bytes; without that nothing of it could be trusted.
            await WhenAsync(() => Staged(folder) >= sent && Directory.EnumerateFiles(folder.File("staging"), "*.json").Any());
            await millpond.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(async () => await (await pull).Content.ReadAsByteArrayAsync());
        }

        gate.Open();
        await AssertNextPullAsync(folder, upstream, Length - sent);
    }

    [Fact]
    public async Task Killed_when_the_client_has_the_last_byte_nothing_is_fetched_again()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        using (var http = new HttpClient())
        {
            await using var millpond = await StartAsync(folder, upstream);
            await PullManifestAsync(http, millpond);
            Assert.Equal(Layer.Digest.Hex, await HashAsync(http, millpond));
            await millpond.KillAsync();
        }

        await AssertNextPullAsync(folder, upstream, 0);
    }

    [Fact]
    public async Task Killed_as_the_file_is_in_the_store_nothing_is_fetched_again()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        using (var http = new HttpClient())
        {
            await using var millpond = await StartAsync(folder, upstream);
            await PullManifestAsync(http, millpond);
            Assert.Equal(Layer.Digest.Hex, await HashAsync(http, millpond));
            await WhenAsync(() => Files(folder, "store").Any());
            await millpond.KillAsync();
        }

        await AssertNextPullAsync(folder, upstream, 0);
    }

    [Fact]
    public async Task Killed_while_a_manifest_comes_the_next_pull_fetches_it()
    {
        using var folder = new TemporaryFolder();
        await using var upstream = await NewUpstreamAsync();
        var stall = upstream.Arm(UpstreamFault.Stall, kind: RequestKind.Manifest);
        using var http = new HttpClient();
        await using (var millpond = await StartAsync(folder, upstream))
        {
            var pull = http.GetAsync(new Uri(millpond.Address, "/v2/up/team/app/manifests/1"));
            await stall.WhenTaken();
            await millpond.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => pull);
        }

        await using var restarted = await StartAsync(folder, upstream);
        await PullManifestAsync(http, restarted);
    }

    private static async Task AssertNextPullAsync(TemporaryFolder folder, FakeUpstream upstream, long bytes)
    {
        upstream.ClearRequests();
        using var http = new HttpClient();
        await using var millpond = await StartAsync(folder, upstream);
        Assert.Equal(Layer.Digest.Hex, await HashAsync(http, millpond));
        await upstream.WhenIdle();
        Assert.Equal(bytes, upstream.BytesSentOf(Layer.Digest));
        Assert.Empty(upstream.Requests(RequestKind.Manifest));
        Assert.DoesNotContain("\"LogLevel\":\"Error\"", millpond.Output, StringComparison.Ordinal);
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        return upstream;
    }

    private static Task<MillpondProcess> StartAsync(TemporaryFolder folder, FakeUpstream upstream) =>
        MillpondProcess.StartAsync(folder.Path, ["--upstream", $"up={upstream.Address}"]);

    private static async Task PullManifestAsync(HttpClient http, MillpondProcess millpond)
    {
        var content = await http.GetByteArrayAsync(new Uri(millpond.Address, "/v2/up/team/app/manifests/1"));
        Assert.Equal(Image.Digest, Image.Digest.Rehash(content));
    }

    private static async Task<string> HashAsync(HttpClient http, MillpondProcess millpond)
    {
        await using var body = await http.GetStreamAsync(new Uri(millpond.Address, BlobPath + Layer.Digest));
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(body));
    }

    private static long Staged(TemporaryFolder folder) => Files(folder, "staging").Sum(path => new FileInfo(path).Length);

    private static IEnumerable<string> Files(TemporaryFolder folder, string part) =>
        Directory.EnumerateFiles(folder.File(part), $"*{Layer.Digest.Hex}", SearchOption.AllDirectories);

    /// <summary>Looks at the folder of the other process until it is so.</summary>
    private static async Task WhenAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
        }
    }
}
