namespace Millpond.Server.Cache;

/// <summary>Work in the background until the server ends. What fails is said, and begun again a minute later: one bad moment must not end it until a restart.</summary>
internal static class BackgroundWork
{
    /// <summary>What made it fail may fail at once again.</summary>
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMinutes(1);

    /// <param name="work">Ends when it is told to, or when there is nothing more to do.</param>
    /// <param name="failed">Says what failed.</param>
    public static async Task RunAsync(Func<CancellationToken, Task> work, Action<Exception> failed, TimeProvider time, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                try
                {
                    await work(stopping);
                    return;
                }
                catch (Exception failure) when (!stopping.IsCancellationRequested)
                {
                    failed(failure);
                    await Task.Delay(AgainAfter, time, stopping);
                }
            }
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // That is how it ends, whatever it was about to do.
        }
    }
}
