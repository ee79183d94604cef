namespace Millpond.Server.Lifecycle.Collection;

/// <summary>
/// Rests as long as it worked: background work of this kind reads pages of the catalog and files without end, and pulls have two cores perhaps.
/// </summary>
internal sealed class Pace(TimeProvider time, CancellationToken cancellationToken)
{
    /// <summary>Below it a rest would be shorter than a timer's tick.</summary>
    private static readonly TimeSpan Stretch = TimeSpan.FromMilliseconds(20);

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
        await Task.Delay(worked < 5 * Stretch ? worked : 5 * Stretch, time, cancellationToken);
        began = time.GetTimestamp();
    }
}
