namespace Millpond.Cli.Editing;

/// <summary>Does the same with many things on all cores, and gives what comes of them in their own order.</summary>
internal static class SideBySide
{
    /// <summary>How many may be done ahead of their turn, for each core: so much is held where the first of them takes long.</summary>
    private const int Ahead = 8;

    private static readonly TaskFactory Factory = new(TaskCreationOptions.None, TaskContinuationOptions.None);

    /// <summary>
    /// What comes of each, in order. A failure comes in its turn; what was begun behind it has ended by then, and nothing more is begun.
    /// </summary>
    /// <param name="items">What it is done with.</param>
    /// <param name="work">Is done on several threads at once.</param>
    /// <param name="cores">How many of them.</param>
    public static IEnumerable<TResult> Of<T, TResult>(IEnumerable<T> items, Func<T, TResult> work, int cores)
    {
        if (cores <= 1)
        {
            return items.Select(work);
        }

        return Run(items, work, cores * Ahead);
    }

    private static IEnumerable<TResult> Run<T, TResult>(IEnumerable<T> items, Func<T, TResult> work, int most)
    {
        var begun = new Queue<Task<TResult>>();
        try
        {
            foreach (var item in items)
            {
                if (begun.Count == most)
                {
                    yield return begun.Dequeue().GetAwaiter().GetResult();
                }

                begun.Enqueue(Factory.StartNew(() => work(item)));
            }

            while (begun.TryDequeue(out var first))
            {
                yield return first.GetAwaiter().GetResult();
            }
        }
        finally
        {
            // Nobody may find a file open, or being changed, when this has ended.
            foreach (var left in begun)
            {
                ((IAsyncResult)left).AsyncWaitHandle.WaitOne();
                _ = left.Exception;
            }
        }
    }
}
