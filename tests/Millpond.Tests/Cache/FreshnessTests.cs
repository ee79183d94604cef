using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Memory;

namespace Millpond.Tests.Cache;

public sealed class FreshnessTests
{
    private static readonly RepositoryName Repository = RepositoryName.Parse("quay/a/b");
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    private readonly FakeTimeProvider time = new();

    [Fact]
    public void A_check_is_due_after_its_lifetime_and_when_its_time_lies_in_the_future()
    {
        var freshness = new Freshness(time);
        var checkedAt = time.GetUtcNow();
        Assert.False(freshness.IsDue(checkedAt, Day, budgetIsLow: false));
        time.Advance(Day);
        Assert.True(freshness.IsDue(checkedAt, Day, budgetIsLow: false));
        Assert.False(freshness.IsDue(checkedAt, Day, budgetIsLow: true));
        Assert.True(freshness.IsDue(time.GetUtcNow().AddHours(1), Day, budgetIsLow: false));
        Assert.True(freshness.IsDue(time.GetUtcNow(), TimeSpan.Zero, budgetIsLow: false));
    }

    [Fact]
    public void Failed_checks_wait_half_a_minute_doubling_to_a_quarter_of_an_hour()
    {
        var freshness = new Freshness(time);
        foreach (var seconds in new[] { 30, 60, 120, 240, 480, 900, 900 })
        {
            freshness.Failed(Repository, "1");
            time.Advance(TimeSpan.FromSeconds(seconds - 1));
            Assert.True(freshness.BacksOff(Repository, "1"));
            Assert.False(freshness.BacksOff(Repository, "2"));
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.False(freshness.BacksOff(Repository, "1"));
        }

        freshness.Failed(Repository, "1");
        freshness.Succeeded(Repository, "1");
        Assert.False(freshness.BacksOff(Repository, "1"));
    }

    [Fact]
    public void A_failure_that_many_waited_for_is_one_failure()
    {
        var freshness = new Freshness(time);
        for (var waiter = 0; waiter < 50; waiter++)
        {
            freshness.Failed(Repository, "1");
        }

        time.Advance(TimeSpan.FromSeconds(30));
        Assert.False(freshness.BacksOff(Repository, "1"));
    }

    [Fact]
    public void A_clock_set_back_does_not_prolong_a_back_off()
    {
        var freshness = new Freshness(time);
        freshness.Failed(Repository, "1");
        time.AdjustTime(time.GetUtcNow().AddHours(-1));
        Assert.False(freshness.BacksOff(Repository, "1"));
    }
}
