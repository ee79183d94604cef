using System.Diagnostics;

namespace Millpond.Server.Cache.Fills;

/// <summary>The requests that readers far ahead of one fill make by themselves: when one may, and how many at a time.</summary>
internal sealed class SideRequests(Growth growth)
{
    /// <summary>A reader that waits for a small range looks again this often whether it is far: a download that stalls wakes nobody.</summary>
    public static readonly TimeSpan ShortWait = TimeSpan.FromMilliseconds(250);

    /// <summary>What a client that reads a blob in parts asks at once (zstd:chunked, eStargz: chunks of 4 MiB); DESIGN: fill.</summary>
    private const long SmallRange = 4L * 1024 * 1024;

    private const int Most = 8;

    private static readonly TimeSpan LongWait = TimeSpan.FromSeconds(5);

    private int taken;

    /// <summary>Whether waiting costs a range of this length more than a request of its own.</summary>
    /// <param name="ahead">Bytes between what is here and where the range begins.</param>
    /// <param name="measured">For how long the rate was measured: nothing is known of one younger than the wait itself.</param>
    public static bool IsFar(long ahead, long length, double bytesPerSecond, TimeSpan measured)
    {
        var wait = length <= SmallRange ? ShortWait : LongWait;
        return ahead > 0 && measured >= ShortWait && bytesPerSecond * wait.TotalSeconds < ahead;
    }

    /// <summary>Whether a reader at this offset is so far ahead that it should ask upstream itself; takes one of the places.</summary>
    /// <param name="length">How much it will read.</param>
    public bool TryTake(long offset, long length)
    {
        var (rate, measured) = growth.Rate();
        if (!IsFar(offset - growth.Released, length, rate, measured))
        {
            return false;
        }

        if (Interlocked.Increment(ref taken) <= Most)
        {
            return true;
        }

        Interlocked.Decrement(ref taken);
        return false;
    }

    public void Return()
    {
        var left = Interlocked.Decrement(ref taken);
        Debug.Assert(left >= 0, "More side requests returned than taken.");
    }
}
