using System.Collections.Concurrent;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// One run of a piece of work per key, however many ask for it. The work runs on a token of its own, so that whoever asked first may
/// leave; each waiter waits on its own token, and all of them get the same result. When the last waiter has left, the work is given up
/// wherever it is. Who looked before a run ended and asks after it begins another: the work itself looks again first.
/// </summary>
internal sealed class SingleFlight<TKey, TResult>(CancellationToken stopping)
    where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, Flight> running = new();

    public async Task<TResult> RunAsync(TKey key, Func<CancellationToken, Task<TResult>> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var flight = Join(key, work);
        try
        {
            return await flight.Ended.WaitAsync(cancellationToken);
        }
        finally
        {
            flight.Leave();
        }
    }

    private Flight Join(TKey key, Func<CancellationToken, Task<TResult>> work)
    {
        while (true)
        {
            if (!running.TryGetValue(key, out var flight))
            {
                var own = new Flight(stopping);
                flight = running.GetOrAdd(key, own);
                if (flight == own)
                {
                    _ = RunAndForgetAsync(key, own, work);
                    return own;
                }

                own.Dispose();
            }

            if (flight.TryJoin())
            {
                return flight;
            }

            // The last waiter has just left it: it is of no use to anybody any more.
            running.TryRemove(new KeyValuePair<TKey, Flight>(key, flight));
        }
    }

    private async Task RunAndForgetAsync(TKey key, Flight flight, Func<CancellationToken, Task<TResult>> work)
    {
        // Off the first asker's stack: its own work goes on.
        await Task.Yield();
        TResult? result = default;
        Exception? failure = null;
        try
        {
            result = await work(flight.Token);
        }
        catch (Exception thrown)
        {
            failure = thrown;
        }

        // Gone before anybody hears of its end: who asks then begins another.
        running.TryRemove(new KeyValuePair<TKey, Flight>(key, flight));
        flight.End(result!, failure);
    }

    private sealed class Flight(CancellationToken stopping) : IDisposable
    {
        private readonly Lock gate = new();
        private readonly CancellationTokenSource source = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        private readonly TaskCompletionSource<TResult> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>One who begins it waits for it.</summary>
        private int waiters = 1;

        private bool isOver;

        public CancellationToken Token => source.Token;

        public Task<TResult> Ended => ended.Task;

        public bool TryJoin()
        {
            lock (gate)
            {
                if (waiters == 0 && !isOver)
                {
                    return false;
                }

                waiters++;
                return true;
            }
        }

        public void Leave()
        {
            lock (gate)
            {
                if (--waiters > 0 || isOver)
                {
                    return;
                }
            }

            // Outside the lock: what is given up runs here.
            source.Cancel();
        }

        public void End(TResult result, Exception? failure)
        {
            lock (gate)
            {
                isOver = true;
            }

            switch (failure)
            {
                case null:
                    ended.TrySetResult(result);
                    break;
                case OperationCanceledException:
                    ended.TrySetCanceled(source.Token);
                    break;
                default:
                    ended.TrySetException(failure);
                    break;
            }

            // Nobody may be left to hear of it.
            _ = ended.Task.Exception;
        }

        public void Dispose() => source.Dispose();
    }
}
