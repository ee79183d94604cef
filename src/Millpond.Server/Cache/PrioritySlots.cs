namespace Millpond.Server.Cache;

/// <summary>A fixed number of slots; who waits is served by priority, then by arrival.</summary>
internal sealed class PrioritySlots(int count)
{
    private readonly Lock gate = new();
    private readonly List<Waiter> waiting = [];
    private int taken;

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

    /// <summary>Takes a slot; the returned value gives it back, once.</summary>
    /// <param name="priority">The lowest number comes first; asked whenever a slot is free, for what somebody waits for may become urgent.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    public async ValueTask<Slot> TakeAsync(Func<int> priority, CancellationToken cancellationToken)
    {
        TaskCompletionSource turn;
        lock (gate)
        {
            if (taken < count)
            {
                taken++;
                return new Slot(this);
            }

            turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Add(new Waiter(turn, priority));
        }

        await using var registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), turn);
        await turn.Task;
        return new Slot(this);
    }

    private void Return()
    {
        lock (gate)
        {
            // One who gave up waiting is dropped here rather than searched for when it gives up.
            waiting.RemoveAll(static waiter => waiter.Turn.Task.IsCompleted);
            while (waiting.MinBy(static waiter => waiter.Priority()) is { } next)
            {
                waiting.Remove(next);
                if (next.Turn.TrySetResult())
                {
                    return;
                }
            }

            taken--;
        }
    }

    private sealed class Waiter(TaskCompletionSource turn, Func<int> priority)
    {
        public TaskCompletionSource Turn { get; } = turn;

        public Func<int> Priority { get; } = priority;
    }

    internal sealed class Slot(PrioritySlots owner) : IDisposable
    {
        private int returned;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref returned, 1) == 0)
            {
                owner.Return();
            }
        }
    }
}
