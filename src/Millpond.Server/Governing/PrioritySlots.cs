namespace Millpond.Server.Governing;

/// <summary>
/// A fixed number of slots. Who waits is served by priority, then for the client that has the fewest of them, then for the one that was
/// served the longest ago, then by arrival: however much one client asks for, another waits for one slot to come free.
/// </summary>
internal sealed class PrioritySlots(int count)
{
    private readonly Lock gate = new();
    private readonly LinkedList<Waiter> waiting = [];

    /// <summary>Of clients that have a slot or wait for one, and of no others.</summary>
    private readonly Dictionary<string, Share> shares = new(StringComparer.Ordinal);
    private int taken;
    private long turns;

    /// <summary>How many are taken.</summary>
    public int Taken
    {
        get
        {
            lock (gate)
            {
                return taken;
            }
        }
    }

    /// <summary>How many wait for one.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
            {
                return waiting.Count;
            }
        }
    }

    /// <summary>Clients that are remembered now.</summary>
    public int Clients
    {
        get
        {
            lock (gate)
            {
                return shares.Count;
            }
        }
    }

    /// <summary>Takes a slot; the returned value gives it back, once.</summary>
    /// <param name="asker">The most urgent reason comes first; asked whenever a slot is free, for what somebody waits for may become urgent.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask<Slot> TakeAsync(Func<Asker> asker, CancellationToken cancellationToken)
    {
        LinkedListNode<Waiter> waiter;
        lock (gate)
        {
            var share = Enter(asker().Client);
            if (taken < count)
            {
                taken++;
                return Grant(share);
            }

            waiter = waiting.AddLast(new Waiter(asker, share));
        }

        await using var registration = cancellationToken.UnsafeRegister((_, token) => GiveUp(waiter, token), null);
        return await waiter.Value.Turn.Task;
    }

    /// <summary>Dropped at once: while no slot comes free, those who give up must not pile up.</summary>
    private void GiveUp(LinkedListNode<Waiter> waiter, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (waiter.List is null)
            {
                return;
            }

            waiting.Remove(waiter);
            Leave(waiter.Value.Share);
        }

        waiter.Value.Turn.TrySetCanceled(cancellationToken);
    }

    private void Return(Share share)
    {
        lock (gate)
        {
            share.Taken--;
            Leave(share);
            if (First() is not { } next)
            {
                taken--;
                return;
            }

            // It may be for another by now than when it came.
            waiting.Remove(next);
            var current = Enter(next.Value.Asker().Client);
            Leave(next.Value.Share);
            next.Value.Turn.SetResult(Grant(current));
        }
    }

    private LinkedListNode<Waiter>? First()
    {
        LinkedListNode<Waiter>? first = null;
        (RequestReason, int, long) turn = default;
        for (var next = waiting.First; next is not null; next = next.Next)
        {
            var asker = next.Value.Asker();
            var share = shares.GetValueOrDefault(asker.Client ?? "");
            var its = (asker.Reason, share?.Taken ?? 0, share?.LastTurn ?? 0);
            if (first is null || its.CompareTo(turn) < 0)
            {
                (first, turn) = (next, its);
            }
        }

        return first;
    }

    private Slot Grant(Share share)
    {
        share.Taken++;
        share.LastTurn = ++turns;
        return new Slot(() => Return(share));
    }

    private Share Enter(string? client)
    {
        if (!shares.TryGetValue(client ?? "", out var share))
        {
            share = new Share(client ?? "");
            shares.Add(share.Client, share);
        }

        share.Interests++;
        return share;
    }

    private void Leave(Share share)
    {
        if (--share.Interests == 0)
        {
            shares.Remove(share.Client);
        }
    }

    private sealed class Share(string client)
    {
        public string Client => client;

        public int Taken { get; set; }

        /// <summary>Slots and waiters of it.</summary>
        public int Interests { get; set; }

        /// <summary>The number of its last turn; 0 for one that had none.</summary>
        public long LastTurn { get; set; }
    }

    private sealed class Waiter(Func<Asker> asker, Share share)
    {
        public TaskCompletionSource<Slot> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Func<Asker> Asker { get; } = asker;

        public Share Share { get; } = share;
    }

    internal sealed class Slot(Action giveBack) : IDisposable
    {
        private int returned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0)
            {
                giveBack();
            }
        }
    }
}
