namespace Millpond.Server.Operations.Cost;

/// <summary>
/// Bytes that are stored, by what becomes of them: what stays, and what goes some days after it came. Adds up by day, so that it can be said
/// what will be here once as much goes as comes.
/// </summary>
/// <param name="now">The moment of which all of it is said.</param>
internal sealed class UseSum(DateTimeOffset now)
{
    /// <summary>What came earlier counts with the last of them.</summary>
    private const int MostDays = 400;

    /// <summary>Of less nothing can be said about a rate.</summary>
    private const int LeastDays = 2;

    private readonly long[] byDay = new long[MostDays];
    private double weightedDays;
    private double oldestDays;

    /// <summary>All that is stored.</summary>
    public long Bytes { get; private set; }

    /// <summary>What no policy ever lets go by its age.</summary>
    public long Staying { get; private set; }

    /// <summary>What is to go some days after it came, and is not that old.</summary>
    public long Expiring { get; private set; }

    /// <summary>What is older than its policy lets it be: about to go, or held.</summary>
    public long Overdue { get; private set; }

    /// <summary>How long it is kept: the mean by bytes of what expires; null where nothing does.</summary>
    public double? KeptDays => Expiring > 0 ? weightedDays / Expiring : null;

    /// <param name="keptDays">After how many days it goes; null for never.</param>
    public void Add(long bytes, DateTimeOffset storedAt, int? keptDays)
    {
        Bytes += bytes;
        if (keptDays is not { } kept)
        {
            Staying += bytes;
            return;
        }

        // A time in the future, which a wrong clock has left, counts as now.
        var age = Math.Max(0, (now - storedAt).TotalDays);
        oldestDays = Math.Max(oldestDays, age);
        if (age >= kept)
        {
            Overdue += bytes;
            return;
        }

        Expiring += bytes;
        weightedDays += (double)bytes * kept;
        byDay[Math.Min((int)age, MostDays - 1)] += bytes;
    }

    /// <summary>
    /// What will be here once as much goes as comes: what stays, and what came within the days that it is kept. Where not that many days have
    /// passed yet: what is here, and for the days that are left as much a day as came in the later half of those that have passed, for the
    /// first pulls of everything are no rate. Nothing is foretold of the first two days.
    /// </summary>
    public long Projected()
    {
        if (KeptDays is not { } kept || oldestDays >= kept || oldestDays < LeastDays)
        {
            return Staying + Expiring;
        }

        var later = Math.Min((int)(oldestDays / 2), MostDays - 1);
        var rate = byDay.AsSpan(0, later).ToArray().Sum() / (double)later;
        return Staying + Expiring + (long)(rate * (kept - oldestDays));
    }
}
