using System.Net;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What counts as proof that a repository has a blob: bytes, and not that its upstream says yes.</summary>
public sealed class ProofTests : IAsyncLifetime
{
    private const int Half = 1_000_000;

    private static readonly TestBlob Secret = TestBlob.Generated(seed: 311, length: 2 * Half);

    private FakeUpstream mine = null!;
    private FakeUpstream theirs = null!;
    private MillpondHost host = null!;

    public async ValueTask InitializeAsync()
    {
        mine = await FakeUpstream.StartAsync();
        theirs = await FakeUpstream.StartAsync();
        mine.Add("team/secret", TestImages.WithLayers(Secret), "1");
        host = await MillpondHost.StartAsync([MillpondHost.Rule("mine", mine), MillpondHost.Rule("theirs", theirs)]);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await mine.DisposeAsync();
        await theirs.DisposeAsync();
    }

    [Fact]
    public async Task An_upstream_that_says_yes_to_everything_reads_nothing_that_is_stored()
    {
        await PullMineAsync();
        theirs.AddLie("team/evil", Secret.Digest, TestBlob.Generated(seed: 312, length: Secret.Length));
        using var head = await host.BlobAsync("theirs/team/evil", Secret.Digest, method: HttpMethod.Head);
        using var blob = await host.BlobAsync("theirs/team/evil", Secret.Digest);
        Assert.Equal(HttpStatusCode.BadGateway, head.StatusCode);
        Assert.Equal(HttpStatusCode.BadGateway, blob.StatusCode);
        Assert.Contains("shows other bytes", await blob.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_that_upstream_says_yes_to_before_the_blob_is_here_gives_nothing_away_later()
    {
        theirs.AddLie("team/evil", Secret.Digest, TestBlob.Generated(seed: 312, length: Secret.Length));
        (await host.BlobAsync("theirs/team/evil", Secret.Digest, method: HttpMethod.Head)).Dispose();
        using var wrong = await host.BlobAsync("theirs/team/evil", Secret.Digest);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => wrong.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await host.Log.WhenLineAsync("Refused content");

        await PullMineAsync();
        using var blob = await host.BlobAsync("theirs/team/evil", Secret.Digest);
        Assert.Equal(HttpStatusCode.BadGateway, blob.StatusCode);
    }

    [Fact]
    public async Task One_who_joins_a_fill_with_lies_reads_what_its_own_upstream_sends_and_no_byte_of_the_fill()
    {
        var lie = TestBlob.Generated(seed: 313, length: Secret.Length);
        theirs.AddLie("team/evil", Secret.Digest, lie);
        await host.PullManifestAsync("mine/team/secret", "1");
        var gate = mine.Park(Secret.Digest, after: Half);
        using var filling = await host.BlobAsync("mine/team/secret", Secret.Digest);
        await gate.WhenReached();

        using var joined = await host.BlobAsync("theirs/team/evil", Secret.Digest);
        await using var body = await joined.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var start = new byte[1000];
        await body.ReadExactlyAsync(start, TestContext.Current.CancellationToken);
        Assert.Equal(lie.ToArray()[..1000], start);

        gate.Open();
        Assert.Equal(Secret.ToArray(), await filling.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<Exception>(() => body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task One_who_joins_a_fill_and_has_the_blob_reads_it_at_once()
    {
        theirs.AddBlob("team/app", Secret);
        await host.PullManifestAsync("mine/team/secret", "1");
        var gate = mine.Park(Secret.Digest, after: Half);
        using var filling = await host.BlobAsync("mine/team/secret", Secret.Digest);
        await gate.WhenReached();
        using var joined = await host.BlobAsync("theirs/team/app", Secret.Digest);
        await using var body = await joined.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await body.ReadExactlyAsync(new byte[1000], TestContext.Current.CancellationToken);
        gate.Open();
        await body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        var proof = Assert.Single(theirs.Requests(RequestKind.Blob));
        Assert.Equal(63, proof.Range!.To - proof.Range.From);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(1000)]
    public async Task A_short_blob_is_proven_too(int length)
    {
        var blob = TestBlob.Generated(seed: 314, length);
        mine.AddBlob("team/secret", blob);
        theirs.AddBlob("team/app", blob);
        using var first = await host.BlobAsync("mine/team/secret", blob.Digest);
        await first.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        await host.Log.WhenLineAsync($"Filled {blob.Digest}");
        using var second = await host.BlobAsync("theirs/team/app", blob.Digest);
        Assert.Equal(blob.ToArray(), await second.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Single(theirs.Requests(RequestKind.Blob));
    }

    [Fact]
    public async Task An_upstream_without_ranges_proves_by_its_first_megabyte()
    {
        await PullMineAsync();
        theirs.AddBlob("team/app", Secret);
        theirs.Arm(UpstreamFault.IgnoresRange, times: int.MaxValue, kind: RequestKind.Blob);
        using var blob = await host.BlobAsync("theirs/team/app", Secret.Digest);
        Assert.Equal(Secret.ToArray(), await blob.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Single(theirs.Requests(RequestKind.Blob));
    }

    private async Task PullMineAsync()
    {
        using var pulled = await host.BlobAsync("mine/team/secret", Secret.Digest);
        Assert.Equal(Secret.ToArray(), await pulled.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        await host.Log.WhenLineAsync($"Filled {Secret.Digest}");
    }
}
