using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// One download of one blob, and everybody who reads it. The download (<see cref="FillDownload"/>) is the only writer; readers follow at
/// their own pace and never slow it. The first client is not special, nor is its upstream: the fill belongs to all who joined it.
/// </summary>
internal sealed class Fill : IDisposable
{
    private readonly RunningFills owner;
    private readonly Lock gate = new();
    private readonly List<FillReader> readers = [];
    private readonly TaskCompletionSource<FillBegin> begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>For who joined first: goes on at once, on the thread that has its first bytes. Handed to another it waits for that one's turn, which comes
    /// up to 3 ms later where the kernel has put it on this thread's processor.</summary>
    private readonly TaskCompletionSource<FillBegin> begunForFirst = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource pause;
    private Staging? staging;
    private long size;
    private long asked;
    private int reason;
    private volatile string? client;
    private volatile bool isDropped;
    private bool closed;
    private bool isJoined;

    /// <param name="leader">Who asked first.</param>
    /// <param name="isProven">Whether the leader may have what is here of the blob already.</param>
    /// <param name="asOf">How much clients had deleted when it began.</param>
    public Fill(
        RunningFills owner, RuleMatch leader, Digest digest, long? size, Asker asker, bool isProven, long asOf, TimeProvider time, CancellationToken stopping)
    {
        AsOf = asOf;
        this.owner = owner;
        LedBy = leader;
        Digest = digest;
        this.size = size ?? -1;
        LedFor = asker.Reason;
        MayResume = isProven;
        reason = (int)asker.Reason;
        client = asker.Client;
        Growth = new Growth(time);
        Sides = new SideRequests(Growth);
        pause = CancellationTokenSource.CreateLinkedTokenSource(stopping);
    }

    /// <summary>Whose upstream brought its first byte, or is to.</summary>
    public RuleMatch LedBy { get; private set; }

    public Digest Digest { get; }

    /// <summary>How much clients had deleted when it began: who has deleted something since gets no link by it.</summary>
    public long AsOf { get; }

    /// <summary>Whether a client has deleted something of the leader's repository since: who joins now shows that upstream has it still.</summary>
    public bool IsDropped => isDropped;

    /// <summary>Why the one who led it wanted it.</summary>
    public RequestReason LedFor { get; }

    /// <summary>Whether it may go on from a partial that is here: the leader was shown to have this blob.</summary>
    public bool MayResume { get; }

    /// <summary>Whether bytes of it come from another upstream than its first.</summary>
    public bool IsTakenOver => TakenOverAt > 0;

    /// <summary>How many bytes its first upstream brought; 0 while that brings all.</summary>
    public long TakenOverAt { get; private set; }

    /// <summary>From now on it is nobody's alone.</summary>
    public void Drop() => isDropped = true;

    /// <summary>What its readers follow.</summary>
    public Growth Growth { get; }

    public SideRequests Sides { get; }

    public ProvenReaders Proven { get; } = new();

    /// <summary>The most urgent reason of all who joined: a client never waits at the priority of background work.</summary>
    public RequestReason Reason => (RequestReason)Volatile.Read(ref reason);

    /// <summary>The most urgent reason, and the client who brought it: the one who led it, else the first who was more urgent.</summary>
    public Asker Asker => new(Reason, client);

    /// <summary>The whole length in bytes, once known. One word, so that nobody reads half of it.</summary>
    public long? Size => Volatile.Read(ref size) is >= 0 and var known ? known : null;

    /// <summary>Ends when it is known how the fill begins.</summary>
    /// <param name="isFirst">For the one who joined first, who holds the download up until it waits for something.</param>
    public Task<FillBegin> Begun(bool isFirst) => isFirst ? begunForFirst.Task : begun.Task;

    /// <summary>Ends when nothing of this fill is left running, its file included; then another may begin.</summary>
    public Task Ended => ended.Task;

    /// <summary>Cancelled to pause the download.</summary>
    public CancellationToken Pausing => pause.Token;

    public int Readers
    {
        get
        {
            lock (gate)
            {
                return readers.Count;
            }
        }
    }

    /// <summary>One more reader; null where the fill is ending and its file cannot be joined any more.</summary>
    public FillReader? TryJoin(RuleMatch target, Asker joining, bool isProven)
    {
        lock (gate)
        {
            if (closed || staging is { } growing && !growing.TryAddReference())
            {
                return null;
            }

            var reader = new FillReader(this, target, joining, isProven, isFirst: !isJoined);
            isJoined = true;
            readers.Add(reader);
            if (isProven)
            {
                Proven.Add(reader);
            }

            if ((int)joining.Reason < reason)
            {
                Volatile.Write(ref reason, (int)joining.Reason);
                client = joining.Client;
            }

            if (readers.Count == 1)
            {
                owner.Adopted(this);
            }

            return reader;
        }
    }

    /// <summary>
    /// It goes on at another's upstream. Who reads through the former leader's repository and was not proven may read what that upstream
    /// brings and no more, before it is proven after all. Before the first byte the other is its leader from then on.
    /// </summary>
    public void TakeOver(RuleMatch former, RuleMatch next, long position)
    {
        var why = new PullFailure(
            PullFailureKind.UpstreamUnreachable, $"{former.Rule.UpstreamName} was lost at byte {position} of {Digest}; pull again", former.Rule.Prefix,
            former.Rule.UpstreamName, TimeSpan.FromSeconds(1));
        lock (gate)
        {
            foreach (var reader in readers.Where(reader => !reader.IsProven && reader.Target.Repository == LedBy.Repository))
            {
                reader.Expel(why, position);
            }

            TakenOverAt = IsTakenOver ? TakenOverAt : position;
            LedBy = position > 0 ? LedBy : next;
        }

        Growth.Pulse();
    }

    /// <summary>One reader less. Where it was the last, the fill goes on or pauses by the owner's rules.</summary>
    public void Leave(FillReader reader)
    {
        lock (gate)
        {
            readers.Remove(reader);
            Proven.Remove(reader);
            staging?.Release();
            asked += Math.Min(reader.Wants, long.MaxValue - asked);
            if (readers.Count > 0 || Growth.End is FillEnd.Whole || closed || owner.MayRunOn(this, asked))
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
    /// <param name="held">How many bytes readers may have at once.</param>
    public void Start(Staging growing, long? known, int held = 0)
    {
        lock (gate)
        {
            staging = growing;
            SetSize(known);
            Growth.Start(growing.ResumedFrom);
            for (var i = 0; i < readers.Count; i++)
            {
                growing.AddReference();
            }
        }

        if (held > 0)
        {
            Growth.Release(held);
        }

        Begin(new FillBegin.Growing(growing));
    }

    /// <summary>Nothing is downloaded here: it is stored already, or cannot be, or nobody has it.</summary>
    public void StartWithout(FillBegin why, long? known = null)
    {
        lock (gate)
        {
            closed = true;
            SetSize(known ?? Size);
        }

        Begin(why);
    }

    /// <summary>Readers may read what is written, but for the block that ends the blob: the last one where the size is known, else always the newest.</summary>
    public void Release(long written, int newest)
    {
        var mayBeLast = Size is not { } size || written >= size;
        if (!mayBeLast)
        {
            Growth.Release(written);
        }
        else if (newest > 0 && written > newest)
        {
            Growth.Release(written - newest);
        }
    }

    /// <summary>Size and digest hold: the last block is released, before anything is committed.</summary>
    public void Complete(long whole)
    {
        lock (gate)
        {
            SetSize(whole);
            Growth.Finish(new FillEnd.Whole(), whole);
        }
    }

    /// <summary>No more bytes will come; where none came yet, it did not begin.</summary>
    public void Fail(PullFailure failure)
    {
        Close();
        Growth.Finish(new FillEnd.Failed(failure));
        Begin(new FillBegin.Failed(failure));
    }

    /// <summary>The disk is full half way: readers go on from upstream, each by itself.</summary>
    public void StopStoring()
    {
        Close();
        Growth.Finish(new FillEnd.Unstored());
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

    /// <summary>Waits for bytes beyond an offset, counted among those who wait.</summary>
    public async ValueTask WaitBeyondAsync(long known, TimeSpan? atMost, CancellationToken cancellationToken)
    {
        owner.ReaderWaits(1);
        try
        {
            await Growth.WaitBeyondAsync(known, atMost, cancellationToken);
        }
        finally
        {
            owner.ReaderWaits(-1);
        }
    }

    public void Dispose()
    {
        Growth.Dispose();
        pause.Dispose();
    }

    private void Begin(FillBegin how)
    {
        begun.TrySetResult(how);
        if (how is FillBegin.Growing)
        {
            begunForFirst.TrySetResult(how);
            return;
        }

        // An answer that needs no bytes may end, and its connection's next one begin, before anything is waited for.
        ThreadPool.UnsafeQueueUserWorkItem(static first => first.Source.TrySetResult(first.How), (Source: begunForFirst, How: how), preferLocal: true);
    }

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
}
