using Millpond.Server.Cache.Memory;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

public sealed class SingleFlightTests
{
    private readonly SingleFlight<string, int> flights = new(TestContext.Current.CancellationToken);

    [Fact]
    public async Task Work_that_its_last_waiter_left_is_given_up()
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var givenUp = new TaskCompletionSource();
        var runs = new[] { first, second }.Select(source => flights.RunAsync("a", token => WorkAsync(token), source.Token)).ToArray();

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => runs[0]);
        Assert.False(givenUp.Task.IsCompleted);
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => runs[1]);
        await givenUp.Task.WaitAsync(Patience.Limit, TestContext.Current.CancellationToken);

        async Task<int> WorkAsync(CancellationToken token)
        {
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
            }
            finally
            {
                givenUp.SetResult();
            }

            return 1;
        }
    }

    [Fact]
    public async Task Who_asks_after_work_was_given_up_begins_it_anew()
    {
        using var left = new CancellationTokenSource();
        var held = new TaskCompletionSource();
        var first = flights.RunAsync("a", async _ =>
        {
            // Takes its time to notice.
            await held.Task;
            return 1;
        }, left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        Assert.Equal(2, await flights.RunAsync("a", _ => Task.FromResult(2), CancellationToken.None));
        held.SetResult();
    }

    [Fact]
    public async Task All_who_wait_get_one_result_and_one_failure()
    {
        var runs = 0;
        var release = new TaskCompletionSource();
        var waiting = Enumerable.Range(0, 20).Select(_ => flights.RunAsync("a", WorkAsync, CancellationToken.None)).ToArray();
        release.SetResult();
        Assert.All(await Task.WhenAll(waiting), result => Assert.Equal(1, result));
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => flights.RunAsync("b", _ => Task.FromException<int>(new InvalidOperationException()), CancellationToken.None));

        async Task<int> WorkAsync(CancellationToken token)
        {
            await release.Task.WaitAsync(token);
            return Interlocked.Increment(ref runs);
        }
    }
}
