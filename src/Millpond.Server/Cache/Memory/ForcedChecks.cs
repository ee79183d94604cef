using Millpond.Images;
using Millpond.Server.Bounded;

namespace Millpond.Server.Cache.Memory;

/// <summary>
/// How often clients may have the upstream asked although nothing is due (<c>no-cache</c>): some times per repository and second, which
/// no tool that means it comes near. Beyond that they are answered as if they had not asked for it.
/// </summary>
internal sealed class ForcedChecks(TimeProvider time)
{
    private const int PerSecond = 10;

    /// <summary>Repositories remembered, of about 200 bytes each; the oldest are forgotten first.</summary>
    private const int Capacity = 10_000;

    private readonly GenerationCache<RepositoryName, Second> seconds = new(Capacity, static _ => 1);

    public bool TryTake(RepositoryName repository) => seconds.Add(repository, new Second()).TryTake(time);

    private sealed class Second
    {
        private long? begun;
        private int taken;

        public bool TryTake(TimeProvider time)
        {
            lock (this)
            {
                if (begun is not { } since || time.GetElapsedTime(since) >= TimeSpan.FromSeconds(1))
                {
                    begun = time.GetTimestamp();
                    taken = 0;
                }

                return ++taken <= PerSecond;
            }
        }
    }
}
