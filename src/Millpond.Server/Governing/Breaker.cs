namespace Millpond.Server.Governing;

/// <summary>
/// Whether an upstream answers at all. Opens after two failures in a row of the connection, or when two different contents got no answer:
/// one content that hangs is that content's matter. Whatever the upstream answers, an error too, closes it. While open, nobody waits for
/// the upstream; one background probe finds out when it is back.
/// </summary>
internal sealed class Breaker(TimeProvider time)
{
    private const int FailuresToOpen = 2;

    /// <summary>The first probe comes soon, for a short restart; later ones back off.</summary>
    private static readonly TimeSpan FirstProbe = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan SlowestProbe = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int connections;
    private string? unanswered;
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

    /// <summary>The upstream answered, whatever it was.</summary>
    public void Answered()
    {
        lock (gate)
        {
            connections = 0;
            unanswered = null;
            if (open)
            {
                open = false;
                closed.SetResult();
            }

            probeDelay = FirstProbe;
        }
    }

    /// <summary>No connection was to be had.</summary>
    /// <returns>True where this opened the breaker: the caller starts the probe.</returns>
    public bool NotReached()
    {
        lock (gate)
        {
            connections++;
            return OpenAt(connections + (unanswered is null ? 0 : 1));
        }
    }

    /// <summary>There was a connection, and no answer about this content.</summary>
    /// <returns>True where this opened the breaker: the caller starts the probe.</returns>
    public bool NotAnswered(string content)
    {
        lock (gate)
        {
            var others = connections + (unanswered is null || unanswered == content ? 0 : 1);
            unanswered = content;
            return OpenAt(others + 1);
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

    private bool OpenAt(int failures)
    {
        if (open || failures < FailuresToOpen)
        {
            return false;
        }

        open = true;
        closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Await(probeDelay);
        return true;
    }

    private void Await(TimeSpan delay)
    {
        probeWait = delay;
        probeWaitSince = time.GetTimestamp();
    }
}
