using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Clients that want parts of a blob: a glance costs no download, and many parts make one.</summary>
public sealed class PartialInterestTests
{
    private const int Step = 128 * 1024;

    private static readonly TestBlob Layer = TestBlob.Generated(seed: 331, length: 64 * Step);

    [Fact]
    public async Task A_first_byte_whose_client_is_gone_is_no_reason_to_download_the_rest()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        upstream.Park(Layer.Digest, after: 8 * Step);
        await LookAsync(parts, 0, 1);
        await parts.Log.WhenLineAsync("Paused");
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), 1, 8 * Step);
    }

    [Fact]
    public async Task A_blob_that_is_read_in_many_parts_is_filled_once()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var gate = upstream.Park(Layer.Digest, after: 8 * Step);
        for (var part = 0; part < 4; part++)
        {
            await LookAsync(parts, part * Step, Step);
            if (parts.Fills.Find(Layer.Digest) is { } running && part < 3)
            {
                await running.Ended.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);
            }
        }

        gate.Open();
        await parts.Log.WhenLineAsync("Filled");
        Assert.InRange(upstream.BytesSentOf(Layer.Digest), Layer.Length, Layer.Length + (24 * Step));
        Assert.Equal(Layer.Length, parts.Store.FindLength(Layer.Digest));
    }

    [Fact]
    public async Task A_whole_reader_beside_a_glance_keeps_the_download()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var gate = upstream.Park(Layer.Digest, after: 8 * Step);
        await using (var whole = await parts.PullAsync("team/app", Layer))
        {
            await CacheParts.ReadAsync(whole, Layer, 0, 1000);
        }

        await LookAsync(parts, 0, 1);
        gate.Open();
        await parts.Log.WhenLineAsync("Filled");
    }

    private static async Task LookAsync(CacheParts parts, long from, int length)
    {
        await using var content = await parts.PullAsync("team/app", Layer);
        content.Expect(from, length);
        await CacheParts.ReadAsync(content, Layer, from, length);
    }

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Layer);
        return upstream;
    }
}
