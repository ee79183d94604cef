using System.Collections.Concurrent;

namespace Millpond.Server.Cache;

/// <summary>
/// One run of a piece of work per key, however many ask for it. The work runs on the host's token, so that whoever asked first may leave;
/// each waiter waits on its own token, and all of them get the same result. Who looked before a run ended and asks after it begins another:
/// the work itself looks again first.
/// </summary>
internal sealed class SingleFlight<TKey, TResult>(CancellationToken stopping)
    where TKey : notnull
{
    private readonly ConcurrentDictionary<TKey, Lazy<Task<TResult>>> running = new();

    public Task<TResult> RunAsync(TKey key, Func<CancellationToken, Task<TResult>> work, CancellationToken cancellationToken)
    {
        if (!running.TryGetValue(key, out var flight))
        {
            Lazy<Task<TResult>>? own = null;
            own = new Lazy<Task<TResult>>(() => RunAndForgetAsync(key, own!, work));
            flight = running.GetOrAdd(key, own);
        }

        return flight.Value.WaitAsync(cancellationToken);
    }

    private async Task<TResult> RunAndForgetAsync(TKey key, Lazy<Task<TResult>> own, Func<CancellationToken, Task<TResult>> work)
    {
        // Off the first asker's stack: its own work goes on, and a lock of Lazy is never held across I/O.
        await Task.Yield();
        try
        {
            return await work(stopping);
        }
        finally
        {
            running.TryRemove(new KeyValuePair<TKey, Lazy<Task<TResult>>>(key, own));
        }
    }
}
