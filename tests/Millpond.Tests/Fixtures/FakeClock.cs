using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;

namespace Millpond.Tests.Fixtures;

/// <summary>Moving a fake clock for work whose waits begin at a time that a test cannot know.</summary>
public static class FakeClock
{
    /// <summary>Moves the clock on, again and again, until the work has ended.</summary>
    public static async Task AdvanceUntilAsync(this FakeTimeProvider time, Task work, TimeSpan step)
    {
        var patience = Stopwatch.StartNew();
        while (!work.IsCompleted && patience.Elapsed < Patience.Limit)
        {
            time.Advance(step);
            await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System));
        }

        await work.WaitAsync(Patience.Limit);
    }
}
