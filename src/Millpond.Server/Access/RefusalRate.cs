using System.Net;

namespace Millpond.Server.Access;

/// <summary>
/// Which refusals have a line of their own: so many a minute from an address and so many in all. Of the others it is counted how many came from
/// where, for a line that sums them up.
/// </summary>
internal sealed class RefusalRate(TimeProvider time)
{
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private const int MostOfAnAddress = 100;
    private const int MostInAll = 1000;

    /// <summary>Addresses that are told apart in a minute; those beyond are one.</summary>
    private const int MostAddresses = 10_000;

    private const string Others = "other addresses";

    private readonly Lock gate = new();
    private readonly Dictionary<string, Count> counts = new(StringComparer.Ordinal);
    private long since = time.GetTimestamp();
    private int written;

    /// <summary>Whether this one is written.</summary>
    /// <param name="ended">The sums of a minute that is over, to be written first.</param>
    public bool Admit(IPAddress? from, out IReadOnlyList<(string From, long Count)> ended)
    {
        lock (gate)
        {
            ended = time.GetElapsedTime(since) >= Window ? Take() : [];
            var address = FailedTries.SourceOf(from);
            if (!counts.TryGetValue(address, out var count))
            {
                address = counts.Count < MostAddresses ? address : Others;
                count = counts.TryGetValue(address, out var others) ? others : counts[address] = new Count();
            }

            if (count.Written < MostOfAnAddress && written < MostInAll)
            {
                count.Written++;
                written++;
                return true;
            }

            count.Left++;
            return false;
        }
    }

    /// <summary>The sums of a minute that is over; none while it is not.</summary>
    public IReadOnlyList<(string From, long Count)> End()
    {
        lock (gate)
        {
            return time.GetElapsedTime(since) >= Window ? Take() : [];
        }
    }

    /// <summary>The sums until now; another minute begins.</summary>
    public IReadOnlyList<(string From, long Count)> Take()
    {
        lock (gate)
        {
            var sums = counts.Where(count => count.Value.Left > 0).OrderByDescending(count => count.Value.Left).Select(count => (count.Key, count.Value.Left)).ToList();
            counts.Clear();
            (since, written) = (time.GetTimestamp(), 0);
            return sums;
        }
    }

    private sealed class Count
    {
        public int Written { get; set; }

        public long Left { get; set; }
    }
}
