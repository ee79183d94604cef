namespace Millpond.Tests.Fixtures;

public sealed class EagerTimeTests
{
    [Fact]
    public async Task A_short_delay_ends_at_once_and_moves_the_clock()
    {
        var time = new EagerTime();
        var before = time.GetUtcNow();
        await Task.Delay(TimeSpan.FromSeconds(4), time).WaitAsync(Patience.Limit);
        await Task.Delay(TimeSpan.FromSeconds(3), time, CancellationToken.None).WaitAsync(Patience.Limit);
        Assert.Equal(TimeSpan.FromSeconds(7), time.GetUtcNow() - before);
    }

    [Fact]
    public async Task A_long_delay_and_every_timeout_wait_for_the_test()
    {
        var time = new EagerTime();
        var delay = Task.Delay(TimeSpan.FromSeconds(11), time);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);
        var bounded = new TaskCompletionSource().Task.WaitAsync(TimeSpan.FromSeconds(2), time);
        await Task.Delay(TimeSpan.FromMilliseconds(1), time).WaitAsync(Patience.Limit);
        Assert.False(delay.IsCompleted || timeout.IsCancellationRequested || bounded.IsCompleted);

        time.Advance(TimeSpan.FromSeconds(11));
        await delay;
        Assert.True(timeout.IsCancellationRequested);
        await Assert.ThrowsAsync<TimeoutException>(() => bounded);
    }
}
