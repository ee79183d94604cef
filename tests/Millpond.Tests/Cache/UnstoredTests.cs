using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Configuration;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>What is passed through, and what a fill holds: no client's pace and no commit holds an upstream's slot.</summary>
public sealed class UnstoredTests
{
    private static readonly TestBlob Large = TestBlob.Generated(seed: 321, length: 3_000_000);
    private static readonly TestBlob Small = TestBlob.Generated(seed: 322, length: 100_000);

    [Fact]
    public async Task Clients_that_read_nothing_of_what_cannot_be_stored_keep_nobody_from_the_upstream()
    {
        var time = new FakeTimeProvider();
        await using var upstream = await NewUpstreamAsync();
        await using var parts = NewParts(upstream, time, slots: 4);
        var idle = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => parts.PullAsync("team/app", Large)));
        await Task.WhenAll(idle.Select(content => CacheParts.ReadAsync(content, Large, 0, 1000)));
        Assert.Equal(4, parts.Bodies);
        var waiting = parts.PullAsync("team/app", Small);

        time.Advance(TimeSpan.FromSeconds(2));
        await using (var small = await waiting.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken))
        {
            await CacheParts.ReadAsync(small, Small, 0, (int)Small.Length);
        }

        foreach (var content in idle)
        {
            await CacheParts.ReadAsync(content, Large, 1000, (int)Large.Length - 1000);
            await content.DisposeAsync();
        }

        Assert.Equal(4, upstream.Requests(RequestKind.Blob).Count(request => request.Range?.From == 1000 && request.Range.To == Large.Length - 1));
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 0)]
    [InlineData("bytes=1000000-1000499", 1_000_000, 1_000_499)]
    [InlineData("bytes=-1", 2_999_999, 2_999_999)]
    [InlineData("bytes=2000000-", 2_000_000, 2_999_999)]
    [InlineData(null, null, null)]
    public async Task A_range_that_is_passed_through_asks_for_exactly_its_bytes(string? range, int? from, int? to)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.WithLayers(Large), "1");
        await using var host = await MillpondHost.StartAsync(
            upstream,
            new MillpondHostOptions { Configure = all => all with { Storage = all.Storage with { Limit = new(1_000_000, 0), Headroom = new(0, 0) } } });
        await host.PullManifestAsync("up/team/app", "1");
        using var response = await host.BlobAsync("up/team/app", Large.Digest, range);
        Assert.Equal(Large.ToArray()[(from ?? 0)..((to ?? 2_999_999) + 1)], await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        var asked = Assert.Single(upstream.Requests(RequestKind.Blob));
        Assert.Equal((from, to), (asked.Range?.From, asked.Range?.To));
    }

    [Fact]
    public async Task The_slot_goes_back_before_the_commit()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(upstream);
        var gate = upstream.Park(Small.Digest, after: Small.Length - 1);
        await using var content = await parts.PullAsync("team/app", Small);
        await gate.WhenReached();
        using (var other = new SqliteConnection($"Data Source={parts.CatalogFile};Pooling=False"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "BEGIN IMMEDIATE";
            command.ExecuteNonQuery();
            gate.Open();
            await CacheParts.ReadAsync(content, Small, 0, (int)Small.Length);
            Assert.Equal(0, parts.Bodies);
        }

        await parts.WhenEndedAsync(Small);
    }

    [Fact]
    public async Task Whatever_a_fill_throws_is_told_to_its_readers_and_leaves_no_file_open()
    {
        await using var upstream = await NewUpstreamAsync();
        await using var parts = new CacheParts(
            upstream, change: rule => rule with { Timeouts = rule.Timeouts with { Idle = TimeSpan.FromMilliseconds(-5) } });
        await using (var content = await parts.PullAsync("team/app", Small))
        {
            var failed = await Assert.ThrowsAsync<FillFailedException>(() => CacheParts.ReadAsync(content, Small, 0, 1000));
            Assert.Contains("inside this server", failed.Message, StringComparison.Ordinal);
        }

        await parts.WhenEndedAsync(Small);
        Assert.False(parts.Store.IsInUse(Small.Digest));
        Assert.Equal(0, parts.Store.Disk.Staged);
    }

    private static CacheParts NewParts(FakeUpstream upstream, TimeProvider time, int slots) => new(
        upstream, time, rule => rule with { Limits = new UpstreamLimits(Fills: slots) }, new DiskSpace(() => (1L << 40, 1L << 40), _ => 1_000_000, _ => 0));

    private static async Task<FakeUpstream> NewUpstreamAsync()
    {
        var upstream = await FakeUpstream.StartAsync();
        upstream.AddBlob("team/app", Large);
        upstream.AddBlob("team/app", Small);
        return upstream;
    }
}
