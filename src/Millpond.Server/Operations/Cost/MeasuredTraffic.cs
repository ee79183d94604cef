using Millpond.Server.Telemetry;

namespace Millpond.Server.Operations.Cost;

/// <summary>What was counted in a month, or in as much of it as there is.</summary>
/// <param name="Since">Since when it was counted.</param>
/// <param name="Until">Until when.</param>
/// <param name="Counts">The sums.</param>
public sealed record MeasuredTraffic(DateTimeOffset Since, DateTimeOffset Until, IReadOnlyList<TrafficCount> Counts)
{
    private const double Month = 30;

    /// <summary>How long was counted, in days.</summary>
    public double Days => (Until - Since).TotalDays;

    /// <summary>What makes a month of it. Of less than a day no month is made: an hour is no thirtieth of anything.</summary>
    public decimal PerMonth => (decimal)(Month / Math.Clamp(Days, 1, Month));

    public long Sum(string kind, string name, string counter) =>
        Counts.Where(count => count.Kind == kind && count.Name == name && count.Counter == counter).Sum(count => count.Value);

    public long Sum(string kind, string counter) => Counts.Where(count => count.Kind == kind && count.Counter == counter).Sum(count => count.Value);
}
