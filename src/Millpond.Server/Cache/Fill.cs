using System.Diagnostics;
using Millpond.Images;
using Millpond.Server.Rules;
using Millpond.Server.Store;

namespace Millpond.Server.Cache;

/// <summary>
/// One download of one blob, and everybody who reads it. The download (<see cref="FillWorkshop"/>) is the only writer: it appends to the
/// staging file and advances <see cref="Released"/>; readers follow at their own pace and never slow it. The first client is not special.
/// </summary>
internal sealed class Fill : IDisposable
{
    /// <summary>After the first block readers are woken at most once for this many bytes: 50 waiters woken per block cost more than the copy.</summary>
    private const long WakeEvery = 256 * 1024;

    /// <summary>Bytes that would wait longer than this for the next block are released at once, so that a slow upstream still streams.</summary>
    private static readonly TimeSpan WakeAtLatest = TimeSpan.FromMilliseconds(10);

    /// <summary>A reader this far ahead of the download, in bytes and in time, may ask upstream for its range itself.</summary>
    private const long FarAhead = 64L * 1024 * 1024;

    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(5);

    /// <summary>Before that nothing can be said of a download's rate.</summary>
    private static readonly TimeSpan RateIsKnownAfter = TimeSpan.FromSeconds(1);

    private const int MostSideRequests = 2;

    private readonly Fills owner;
    private readonly TimeProvider time;
    private readonly Lock gate = new();
    private readonly TaskCompletionSource<PullFailure?> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource pause;

    // The tail of a slow upstream is released by the machine's clock, not the host's: it is about waking readers, never about deciding.
    private readonly ITimer waker;
    private TaskCompletionSource pulse = NewPulse();
    private long size;
    private long released;
    private long pulsed;
    private long startedAt;
    private int readers;
    private int reason;
    private int sideRequests;
    private bool closed;
    private bool whole;
    private bool storingFailed;

    public Fill(Fills owner, RuleMatch target, Digest digest, long? size, RequestReason reason, TimeProvider time, CancellationToken stopping)
    {
        this.owner = owner;
        this.time = time;
        Target = target;
        Digest = digest;
        this.size = size ?? -1;
        LedFor = reason;
        this.reason = (int)reason;
        pause = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        waker = TimeProvider.System.CreateTimer(static state => ((Fill)state!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whose upstream it comes from: the one who led it.</summary>
    public RuleMatch Target { get; }

    public Digest Digest { get; }

    /// <summary>Why the one who led it wanted it.</summary>
    public RequestReason LedFor { get; }

    /// <summary>The most urgent reason of all who joined: a client never waits at the priority of background work.</summary>
    public RequestReason Reason => (RequestReason)Volatile.Read(ref reason);

    /// <summary>The whole length in bytes, once known. One word, so that nobody reads half of it.</summary>
    public long? Size => Volatile.Read(ref size) is >= 0 and var known ? known : null;

    /// <summary>The growing file; null where nothing can be stored and each client is passed through.</summary>
    public Staging? Staging { get; private set; }

    /// <summary>Ends when upstream has answered: null, or why there will be no content.</summary>
    public Task<PullFailure?> Started => started.Task;

    /// <summary>Ends when nothing of this fill is left running, its file included; then another may begin.</summary>
    public Task Ended => ended.Task;

    /// <summary>How far readers may read.</summary>
    public long Released => Volatile.Read(ref released);

    /// <summary>All bytes are here, verified and released.</summary>
    public bool IsWhole => Volatile.Read(ref whole);

    /// <summary>There was nothing to download: the blob had been stored between the pull's look for it and the start of this fill.</summary>
    public bool IsInStore { get; private set; }

    public PullFailure? Failure { get; private set; }

    /// <summary>The disk took no more: readers go on by themselves from where the file ends.</summary>
    public bool StoringFailed => Volatile.Read(ref storingFailed);

    /// <summary>Cancelled to pause the download.</summary>
    public CancellationToken Pausing => pause.Token;

    public int Readers
    {
        get
        {
            lock (gate)
            {
                return readers;
            }
        }
    }

    /// <summary>One more reader; false where the fill is ending and its file cannot be joined any more.</summary>
    public bool TryJoin(RequestReason joining)
    {
        lock (gate)
        {
            if (closed || Staging is { } growing && !growing.TryAddReference())
            {
                return false;
            }

            readers++;
            Volatile.Write(ref reason, Math.Min(reason, (int)joining));
            if (readers == 1)
            {
                owner.Adopted(this);
            }

            return true;
        }
    }

    /// <summary>One reader less. Where it was the last, the fill goes on or pauses by the owner's rules.</summary>
    public void Leave()
    {
        lock (gate)
        {
            readers--;
            Staging?.Release();
            if (readers > 0 || IsWhole || closed || owner.MayRunOn(this))
            {
                return;
            }

            closed = true;
        }

        CancelDownload();
    }

    /// <summary>Stops the download and keeps what is here, at shutdown.</summary>
    public void Pause()
    {
        Close();
        CancelDownload();
    }

    /// <summary>Upstream has answered (or a partial from before is taken up): readers may begin.</summary>
    public void Start(Staging staging, long? size)
    {
        lock (gate)
        {
            Staging = staging;
            SetSize(size);
            startedAt = time.GetTimestamp();
            for (var i = 0; i < readers; i++)
            {
                staging.AddReference();
            }
        }

        started.TrySetResult(null);
    }

    /// <summary>The blob is stored already: whoever waits opens it there.</summary>
    public void StartStored()
    {
        lock (gate)
        {
            closed = true;
            IsInStore = true;
        }

        started.TrySetResult(null);
        Pulse();
    }

    /// <summary>Nothing can be stored; whoever waits opens a private source.</summary>
    public void StartWithoutStoring(long? size)
    {
        lock (gate)
        {
            closed = true;
            SetSize(size);
            storingFailed = true;
        }

        started.TrySetResult(null);
        Pulse();
    }

    /// <summary>Readers may read up to here.</summary>
    public void Release(long upTo)
    {
        var first = released == 0;
        Volatile.Write(ref released, upTo);
        if (first || upTo - pulsed >= WakeEvery)
        {
            Wake();
        }
        else
        {
            waker.Change(WakeAtLatest, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Size and digest hold: the last block is released, before anything is committed.</summary>
    public void Complete(long size)
    {
        lock (gate)
        {
            SetSize(size);
            Volatile.Write(ref released, size);
            Volatile.Write(ref whole, true);
        }

        Pulse();
    }

    /// <summary>No more bytes will come.</summary>
    public void Fail(PullFailure failure)
    {
        lock (gate)
        {
            closed = true;
            Failure = failure;
        }

        started.TrySetResult(failure);
        Pulse();
    }

    /// <summary>The disk is full half way: readers go on from upstream, each by itself.</summary>
    public void StopStoring()
    {
        lock (gate)
        {
            closed = true;
        }

        Volatile.Write(ref storingFailed, true);
        Pulse();
    }

    /// <summary>Nobody may join from now on.</summary>
    public void Close()
    {
        lock (gate)
        {
            closed = true;
        }
    }

    public void End() => ended.TrySetResult();

    /// <summary>Waits until more than this many bytes are released, or the fill has ended in any way.</summary>
    public async ValueTask WaitBeyondAsync(long known, CancellationToken cancellationToken)
    {
        var next = Volatile.Read(ref pulse);
        if (Released > known || IsWhole || Failure is not null || StoringFailed)
        {
            return;
        }

        owner.ReaderWaits(1);
        try
        {
            await next.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            owner.ReaderWaits(-1);
        }
    }

    /// <summary>Whether a reader at this offset is so far ahead that it should ask upstream itself; takes one of two places.</summary>
    public bool TryTakeSideRequest(long offset)
    {
        var ahead = offset - Released;
        var elapsed = time.GetElapsedTime(startedAt);
        var downloaded = Released - (Staging?.ResumedFrom ?? 0);
        if (ahead <= FarAhead || elapsed < RateIsKnownAfter || downloaded / elapsed.TotalSeconds * LongWait.TotalSeconds >= ahead)
        {
            return false;
        }

        if (Interlocked.Increment(ref sideRequests) <= MostSideRequests)
        {
            return true;
        }

        Interlocked.Decrement(ref sideRequests);
        return false;
    }

    public void ReturnSideRequest()
    {
        var left = Interlocked.Decrement(ref sideRequests);
        Debug.Assert(left >= 0, "More side requests returned than taken.");
    }

    public void Dispose()
    {
        waker.Dispose();
        pause.Dispose();
    }

    private static TaskCompletionSource NewPulse() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void SetSize(long? known) => Volatile.Write(ref size, known ?? -1);

    private void CancelDownload()
    {
        try
        {
            pause.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself a moment ago.
        }
    }

    private void Wake()
    {
        pulsed = Released;
        Pulse();
    }

    private void Pulse() => Interlocked.Exchange(ref pulse, NewPulse()).TrySetResult();
}
