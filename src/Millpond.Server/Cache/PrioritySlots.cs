namespace Millpond.Server.Cache;

/// <summary>A fixed number of slots; who waits is served by priority, then by arrival.</summary>
internal sealed class PrioritySlots(int count)
{
    private readonly Lock gate = new();
    private readonly PriorityQueue<TaskCompletionSource, (int Priority, long Arrival)> waiting = new();
    private int taken;
    private long arrivals;

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
    public async ValueTask<Slot> TakeAsync(int priority, CancellationToken cancellationToken)
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
            waiting.Enqueue(turn, (priority, arrivals++));
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
            // One who gave up waiting is passed over here rather than searched for when it gives up.
            while (waiting.TryDequeue(out var next, out _))
            {
                if (next.TrySetResult())
                {
                    return;
                }
            }

            taken--;
        }
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
