using Microsoft.Extensions.Time.Testing;

namespace Millpond.Tests.Fixtures;

/// <summary>
/// A fake clock on which nobody waits: a delay of some seconds (between two tries, say) ends at once and moves the clock by as much. Longer
/// delays, timers and timeouts end only when the test moves the clock, so that nothing times out because the machine is slow.
/// </summary>
public sealed class EagerTime : FakeTimeProvider
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly List<TimeSpan> longTimers = [];
    private TaskCompletionSource more = new(TaskCreationOptions.RunContinuationsAsynchronously);

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

        if (dueTime > Longest)
        {
            lock (gate)
            {
                longTimers.Add(dueTime);
                more.SetResult();
                more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        return timer;
    }

    /// <summary>
    /// Ends when somebody has begun to wait for a time between these. To be awaited before the clock is moved for them: a log line that
    /// comes before they wait is no sign that they do, and who begins to wait after the clock was moved waits for ever.
    /// </summary>
    public async Task WhenAwaitedAsync(TimeSpan atLeast, TimeSpan atMost)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (longTimers.Exists(due => due >= atLeast && due <= atMost))
                {
                    return;
                }

                next = more.Task;
            }

            await next.WaitAsync(patience.Token);
        }
    }
}
