namespace Millpond.Server.Cache.Fills;

/// <summary>How far a growing file may be read, how fast it grows, and how that ended. One writer, any number of readers that wait.</summary>
internal sealed class Growth(TimeProvider time) : IDisposable
{
    /// <summary>After the first block readers are woken at most once for this many bytes: 50 waiters woken per block cost more than the copy.</summary>
    private const long WakeEvery = 256 * 1024;

    /// <summary>Later in a download, for which a share of what has come is soon enough.</summary>
    private const long WakeAtMost = 1024 * 1024;

    private const long WakeShare = 64;

    /// <summary>Bytes that the writer left untold when it had to wait are told after this, so that a slow upstream still streams.</summary>
    private static readonly TimeSpan WakeAtLatest = TimeSpan.FromMilliseconds(10);

    /// <summary>The present rate is that of the last one to two of these: long enough to even out blocks, short enough to see a stall.</summary>
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(1);

    // The tail of a slow upstream is released by the machine's clock, not the host's: it is about waking readers, never about deciding.
    private readonly Lock gate = new();
    private ITimer? waker;
    private int isWakerSet;
    private TaskCompletionSource pulse = NewPulse();
    private FillEnd? end;
    private long released;
    private long pulsed;
    private (long At, long Bytes) older;
    private (long At, long Bytes) newer;

    /// <summary>How far readers may read.</summary>
    public long Released => Volatile.Read(ref released);

    /// <summary>Null while it grows. Read before <see cref="Released"/>: what is released when it has ended is final.</summary>
    public FillEnd? End => Volatile.Read(ref end);

    /// <summary>From here on the rate counts.</summary>
    public void Start(long from)
    {
        lock (gate)
        {
            older = newer = (time.GetTimestamp(), from);
        }
    }

    /// <summary>Bytes per second at present, and for how long that was measured.</summary>
    public (double BytesPerSecond, TimeSpan Measured) Rate()
    {
        lock (gate)
        {
            var measured = time.GetElapsedTime(older.At);
            return older.At == 0 || measured <= TimeSpan.Zero ? (0, TimeSpan.Zero) : ((Released - older.Bytes) / measured.TotalSeconds, measured);
        }
    }

    /// <summary>Readers may read up to here; they are told when that is worth it, or by <see cref="Idle"/>.</summary>
    public void Release(long upTo)
    {
        var first = released == 0;
        Volatile.Write(ref released, upTo);
        if (first || upTo - pulsed >= Math.Clamp(upTo / WakeShare, WakeEvery, WakeAtMost))
        {
            Wake();
        }
    }

    /// <summary>The writer has to wait for more: who waits for what is released hears of it now, or soon where it is little.</summary>
    public void Idle()
    {
        var untold = Released - pulsed;
        if (untold >= WakeEvery)
        {
            Wake();
        }
        else if (untold > 0 && Interlocked.Exchange(ref isWakerSet, 1) == 0)
        {
            // Set once and not for each block: that would wake the timers' thread as often as it spares the readers'.
            waker ??= TimeProvider.System.CreateTimer(static state => ((Growth)state!).WakeByTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            waker.Change(WakeAtLatest, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>It grows no more; the first who says why is right.</summary>
    /// <param name="last">Where it is whole: its length, which releases what was withheld.</param>
    public void Finish(FillEnd why, long? last = null)
    {
        if (last is { } length)
        {
            Volatile.Write(ref released, length);
        }

        Interlocked.CompareExchange(ref end, why, null);
        Pulse();
    }

    /// <summary>Waits until more than this many bytes are released, or it has ended in any way.</summary>
    /// <param name="atMost">Waits no longer than this; null is as long as it takes.</param>
    public async ValueTask WaitBeyondAsync(long known, TimeSpan? atMost, CancellationToken cancellationToken)
    {
        var next = Volatile.Read(ref pulse);
        if (End is not null || Released > known)
        {
            return;
        }

        if (atMost is not { } bound)
        {
            await next.Task.WaitAsync(cancellationToken);
            return;
        }

        await next.Task.WaitAsync(bound, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public void Dispose() => waker?.Dispose();

    /// <summary>Has all who wait look again.</summary>
    public void Pulse() => Interlocked.Exchange(ref pulse, NewPulse()).TrySetResult();

    private static TaskCompletionSource NewPulse() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void WakeByTime()
    {
        Volatile.Write(ref isWakerSet, 0);
        Wake();
    }

    private void Wake()
    {
        pulsed = Released;
        lock (gate)
        {
            if (time.GetElapsedTime(newer.At) >= RateWindow)
            {
                older = newer;
                newer = (time.GetTimestamp(), pulsed);
            }
        }

        Pulse();
    }
}
