using Microsoft.Extensions.Time.Testing;

namespace Millpond.Tests.Fixtures;

/// <summary>
/// A fake clock on which nobody waits: a delay of some seconds (between two tries, say) ends at once and moves the clock by as much. Longer
/// delays, timers and timeouts end only when the test moves the clock, so that nothing times out because the machine is slow.
/// </summary>
public sealed class EagerTime : FakeTimeProvider
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    public EagerTime()
        : base(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);

        // Task.Delay's own promise; a timeout's state is a token source or another promise.
        if (dueTime > TimeSpan.Zero && dueTime <= Longest && state?.GetType().Name.StartsWith("DelayPromise", StringComparison.Ordinal) == true)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => Advance(dueTime), null);
        }

        return timer;
    }
}
