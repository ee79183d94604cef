using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// Those of a fill's readers at whose upstream it may go on: who was proven to have the blob; and before its first byte also those whose
/// upstream has answered, for what that brings is verified as a whole.
/// </summary>
internal sealed class ProvenReaders
{
    private readonly Lock gate = new();
    private readonly List<FillReader> readers = [];
    private TaskCompletionSource another = NewSignal();

    /// <summary>Ends when one more has come.</summary>
    public Task Another
    {
        get
        {
            lock (gate)
            {
                return another.Task;
            }
        }
    }

    public void Add(FillReader reader)
    {
        TaskCompletionSource waited;
        lock (gate)
        {
            readers.Add(reader);
            waited = another;
            another = NewSignal();
        }

        waited.TrySetResult();
    }

    public void Remove(FillReader reader)
    {
        lock (gate)
        {
            readers.Remove(reader);
        }
    }

    /// <summary>The target of the first that fits.</summary>
    /// <param name="position">Where it would go on.</param>
    public RuleMatch? FindTarget(long position, Func<RuleMatch, bool> fits)
    {
        FillReader[] here;
        lock (gate)
        {
            here = [.. readers];
        }

        return here.Where(reader => position == 0 || reader.IsProven).Select(static reader => reader.Target).FirstOrDefault(fits);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
