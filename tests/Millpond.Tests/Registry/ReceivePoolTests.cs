using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Millpond.Server;
using Millpond.Server.Configuration;
using Millpond.Server.Registry.Sending;
using Millpond.Server.Telemetry;

namespace Millpond.Tests.Registry;

/// <summary>What requests are received into: large blocks, while few are out.</summary>
public sealed class ReceivePoolTests : IDisposable
{
    private readonly ReceivePool pool = new();

    public void Dispose() => pool.Dispose();

    [Fact]
    public void The_first_that_are_out_are_large_and_those_beyond_are_small()
    {
        var large = Enumerable.Range(0, ReceivePool.MostLarge).Select(_ => pool.Rent(ReceivePool.SmallBlock)).ToList();
        Assert.All(large, block => Assert.Equal(ReceivePool.LargeBlock, block.Memory.Length));
        using var beyond = pool.Rent(ReceivePool.SmallBlock);
        Assert.Equal(ReceivePool.SmallBlock, beyond.Memory.Length);

        large[7].Dispose();
        using var again = pool.Rent(ReceivePool.SmallBlock);
        Assert.Equal(ReceivePool.LargeBlock, again.Memory.Length);
        using var more = pool.Rent(ReceivePool.SmallBlock);
        Assert.Equal(ReceivePool.SmallBlock, more.Memory.Length);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(ReceivePool.SmallBlock + 1)]
    [InlineData(ReceivePool.LargeBlock)]
    public void Whoever_needs_more_than_a_small_one_gets_it_when_no_large_one_is_left_and_none_is_counted_twice(int wanted)
    {
        for (var time = 0; time < 2; time++)
        {
            var all = Enumerable.Range(0, ReceivePool.MostLarge + 5).Select(_ => pool.Rent(wanted)).ToList();
            Assert.All(all, block => Assert.True(block.Memory.Length >= wanted));
            all.ForEach(block => block.Dispose());
        }

        var large = Enumerable.Range(0, ReceivePool.MostLarge).Select(_ => pool.Rent()).ToList();
        Assert.All(large, block => Assert.Equal(ReceivePool.LargeBlock, block.Memory.Length));
        using var beyond = pool.Rent();
        Assert.Equal(ReceivePool.SmallBlock, beyond.Memory.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(ReceivePool.MostLarge)]
    public void What_is_given_back_twice_in_a_row_is_not_lent_to_two(int outBefore)
    {
        for (var count = 0; count < outBefore; count++)
        {
            pool.Rent();
        }

        var block = pool.Rent();
        block.Dispose();
        block.Dispose();
        using var first = pool.Rent();
        using var second = pool.Rent();
        Assert.Same(block, first);
        Assert.NotSame(first, second);
        Assert.False(first.Memory.Span.Overlaps(second.Memory.Span));
    }

    [Fact]
    public void More_than_a_large_block_holds_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(pool.MaxBufferSize + 1));

    [Fact]
    public async Task Many_who_lend_and_give_back_at_once_never_share_a_block()
    {
        var done = 0;
        await Task.WhenAll(Enumerable.Range(1, 8).Select(mark => Task.Run(() =>
        {
            var random = new Random(mark);
            var mine = new Queue<(IMemoryOwner<byte> Block, byte Mark)>();
            for (var step = 0; step < 5000; step++)
            {
                var block = pool.Rent();
                block.Memory.Span[0] = (byte)mark;
                mine.Enqueue((block, (byte)mark));
                while (mine.Count > random.Next(60))
                {
                    var (oldest, expected) = mine.Dequeue();
                    Assert.Equal(expected, oldest.Memory.Span[0]);
                    oldest.Dispose();
                }
            }

            Interlocked.Increment(ref done);
        })));
        Assert.Equal(8, done);
    }

    [Fact]
    public async Task The_server_receives_into_large_blocks()
    {
        // The web server registers a pool of its own, and only the last that is registered counts.
        var configuration = new ServerConfiguration { Listen = [new("http://127.0.0.1:0")], Data = "unused", Rules = [] };
        using var listeners = new Listeners(configuration);
        using var metrics = new MillpondMetrics();
        listeners.Limit = url => new ConnectionLimit(url, most: 10, metrics, TimeProvider.System, NullLogger.Instance);
        listeners.Bind();
        await using var app = WebServer.Build(configuration, listeners, TimeProvider.System, logging => logging.ClearProviders());
        var largest = 0;
        app.Run(async context =>
        {
            var read = await context.Request.BodyReader.ReadAtLeastAsync(60_000);
            foreach (var piece in read.Buffer)
            {
                largest = Math.Max(largest, piece.Length);
            }

            context.Request.BodyReader.AdvanceTo(read.Buffer.End);
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient();
        using var answer = await client.PutAsync(
            listeners.Addresses(ListenerKind.Main)[0], new ByteArrayContent(new byte[60_000]), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(largest > ReceivePool.SmallBlock, $"the largest piece had {largest} bytes");
        await app.StopAsync(TestContext.Current.CancellationToken);
    }
}
