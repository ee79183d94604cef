using Millpond.Server.Operations.Cost;

namespace Millpond.Tests.Operations.Cost;

/// <summary>What will be here once as much goes as comes.</summary>
public sealed class UseSumTests
{
    private static readonly DateTimeOffset Now = new(2030, 5, 6, 7, 8, 9, TimeSpan.Zero);

    [Fact]
    public void What_never_expires_stays_as_it_is()
    {
        var sum = Sum((100, 400, null), (50, 1, null));
        Assert.Equal((150, 150, 150), (sum.Bytes, sum.Staying, sum.Projected()));
        Assert.Null(sum.KeptDays);
    }

    [Fact]
    public void After_a_whole_period_it_is_what_came_within_it()
    {
        var sum = Sum((100, 31, 30), (10, 29, 30), (10, 3, 30));
        Assert.Equal((120, 100, 20), (sum.Bytes, sum.Overdue, sum.Projected()));
        Assert.Equal(30, sum.KeptDays);
    }

    /// <summary>A gigabyte at the first day, then a hundred bytes a day: the gigabyte comes no second time within the month.</summary>
    [Fact]
    public void The_first_pulls_of_everything_are_no_rate()
    {
        var sum = new UseSum(Now);
        sum.Add(1_000_000_000, Now.AddDays(-10.5), 30);
        for (var day = 0; day < 10; day++)
        {
            sum.Add(100, Now.AddDays(-day - 0.5), 30);
        }

        Assert.Equal(1_000_001_000 + (long)(100 * 19.5), sum.Projected());
    }

    [Fact]
    public void Nothing_is_foretold_of_the_first_two_days() => Assert.Equal(300, Sum((100, 1.9, 30), (200, 0, 30)).Projected());

    [Fact]
    public void Times_that_a_wrong_clock_left_count_as_now()
    {
        var sum = Sum((100, -4000, 30), (1, 40_000, 100_000));
        Assert.Equal((101, 0, 101), (sum.Bytes, sum.Overdue, sum.Expiring));
        Assert.True(sum.Projected() >= 101);
    }

    [Fact]
    public void Years_are_looked_at_for_a_year()
    {
        var sum = Sum((1000, 3000, 10_000), (500, 100, 10_000));
        Assert.Equal(1500 + (long)(500 / 399.0 * 7000), sum.Projected());
    }

    private static UseSum Sum(params (long Bytes, double Age, int? Kept)[] some)
    {
        var sum = new UseSum(Now);
        foreach (var (bytes, age, kept) in some)
        {
            sum.Add(bytes, Now.AddDays(-age), kept);
        }

        return sum;
    }
}
