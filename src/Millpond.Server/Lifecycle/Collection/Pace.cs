namespace Millpond.Server.Lifecycle.Collection;

/// <summary>
/// Rests three times as long as it worked: background work of this kind reads pages of the catalog and files without end, and pulls have two cores perhaps.
/// </summary>
internal sealed class Pace(TimeProvider time, CancellationToken cancellationToken)
{
    /// <summary>Below it a rest would be shorter than a timer's tick.</summary>
    private static readonly TimeSpan Stretch = TimeSpan.FromMilliseconds(20);

    /// <summary>A quarter of one core: with half of it a server of two cores answered a quarter fewer pulls meanwhile, where a fifth is the most that may be.</summary>
    private const int Rests = 3;

    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(500);

    private long began = time.GetTimestamp();

    /// <summary>Called between two pieces of work; waits where it is time for a rest.</summary>
    public async Task RestAsync()
    {
        cancellationToken.ThrowIfCancellationRequested();
        var worked = time.GetElapsedTime(began);
        if (worked < Stretch)
        {
            return;
        }

        // A clock that jumped, or a write that waited for a slow disk, is no work.
        await Task.Delay(Rests * worked < LongestRest ? Rests * worked : LongestRest, time, cancellationToken);
        began = time.GetTimestamp();
    }
}
