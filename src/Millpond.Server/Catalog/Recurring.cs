namespace Millpond.Server.Catalog;

/// <summary>Work that is done again a time after it ended: slow work does not overtake itself, and a clock that jumps by a month has it done once.</summary>
internal sealed class Recurring : IAsyncDisposable
{
    private readonly TimeSpan pause;
    private readonly Func<Task> work;
    private readonly ITimer timer;

    /// <param name="pause">Before the first time, and between two.</param>
    public Recurring(TimeProvider time, TimeSpan pause, Func<Task> work)
    {
        this.pause = pause;
        this.work = work;
        timer = time.CreateTimer(_ => _ = RunAsync(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(pause, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Not again; what runs goes on.</summary>
    public ValueTask DisposeAsync() => timer.DisposeAsync();

    private async Task RunAsync()
    {
        try
        {
            await work();
        }
        finally
        {
            // After the end it changes nothing.
            timer.Change(pause, Timeout.InfiniteTimeSpan);
        }
    }
}
