namespace Millpond.Server.Cache;

/// <summary>
/// Opens after two timeouts, broken connections or 5xx in a row; what the upstream answers, 429 and 4xx included, closes the count.
/// While open, nobody waits for the upstream; one background probe finds out when it is back.
/// </summary>
internal sealed class Breaker(TimeProvider time)
{
    private const int FailuresToOpen = 2;

    /// <summary>The first probe comes soon, for a short restart; later ones back off.</summary>
    private static readonly TimeSpan FirstProbe = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan SlowestProbe = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int failures;
    private bool open;
    private TimeSpan probeDelay = FirstProbe;

    // Since a timestamp, which no change of the time of day moves.
    private TimeSpan probeWait;
    private long probeWaitSince;

    public bool IsOpen => Volatile.Read(ref open);

    /// <summary>Ends when it is closed.</summary>
    public Task Closed
    {
        get
        {
            lock (gate)
            {
                return open ? closed.Task : Task.CompletedTask;
            }
        }
    }

    /// <summary>When the next probe goes out, for Retry-After.</summary>
    public TimeSpan UntilProbe
    {
        get
        {
            lock (gate)
            {
                var left = probeWait - time.GetElapsedTime(probeWaitSince);
                return left > FirstProbe ? left : FirstProbe;
            }
        }
    }

    public void Succeeded()
    {
        lock (gate)
        {
            failures = 0;
            if (open)
            {
                open = false;
                closed.SetResult();
            }

            probeDelay = FirstProbe;
        }
    }

    /// <summary>Counts a failure.</summary>
    /// <returns>True where this one opened the breaker: the caller starts the probe.</returns>
    public bool Failed()
    {
        lock (gate)
        {
            failures++;
            if (open || failures < FailuresToOpen)
            {
                return false;
            }

            open = true;
            closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Await(probeDelay);
            return true;
        }
    }

    /// <summary>How long to wait before the next probe; doubles each time.</summary>
    public TimeSpan NextProbeDelay()
    {
        lock (gate)
        {
            var delay = probeDelay;
            probeDelay = TimeSpan.FromTicks(Math.Min(probeDelay.Ticks * 2, SlowestProbe.Ticks));
            Await(delay);
            return delay;
        }
    }

    private void Await(TimeSpan delay)
    {
        probeWait = delay;
        probeWaitSince = time.GetTimestamp();
    }
}
