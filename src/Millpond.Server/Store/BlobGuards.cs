using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>
/// Keeps a blob's file from being deleted by one while another is about to promise that it is there: whoever stores or links one for good
/// holds it until that is written down, and whoever deletes one does so while nobody holds it.
/// </summary>
public sealed class BlobGuards
{
    private readonly Lock gate = new();
    private readonly Dictionary<Digest, int> held = [];
    private readonly Dictionary<Digest, TaskCompletionSource> deleting = [];

    /// <summary>Keeps the blob until disposed, whether it is here yet or not. Waits for a deletion under way, which is short.</summary>
    public async ValueTask<IDisposable> HoldAsync(Digest digest)
    {
        while (TryHold(digest) is { } deletion)
        {
            await deletion;
        }

        return new Guard(() => LetGo(digest));
    }

    /// <summary>Lets nobody hold the blob until disposed; null where somebody does.</summary>
    public IDisposable? TryDelete(Digest digest)
    {
        lock (gate)
        {
            return !held.ContainsKey(digest) && deleting.TryAdd(digest, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
                ? new Guard(() => Deleted(digest))
                : null;
        }
    }

    /// <summary>Null where it is held now; else what to wait for.</summary>
    private Task? TryHold(Digest digest)
    {
        lock (gate)
        {
            if (deleting.TryGetValue(digest, out var deletion))
            {
                return deletion.Task;
            }

            held[digest] = held.GetValueOrDefault(digest) + 1;
            return null;
        }
    }

    private void LetGo(Digest digest)
    {
        lock (gate)
        {
            if (--held[digest] == 0)
            {
                held.Remove(digest);
            }
        }
    }

    private void Deleted(Digest digest)
    {
        TaskCompletionSource? deletion;
        lock (gate)
        {
            deleting.Remove(digest, out deletion);
        }

        deletion?.SetResult();
    }

    private sealed class Guard(Action end) : IDisposable
    {
        private Action? end = end;

        public void Dispose() => Interlocked.Exchange(ref end, null)?.Invoke();
    }
}
