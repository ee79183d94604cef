using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Governing;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Governing;

public sealed class BreakerTests
{
    [Fact]
    public void Two_failures_of_the_connection_in_a_row_open_it_and_an_answer_between_them_does_not()
    {
        var breaker = new Breaker(new FakeTimeProvider());
        Assert.False(breaker.NotReached());
        breaker.Answered();
        Assert.False(breaker.NotReached());
        Assert.False(breaker.IsOpen);
        Assert.True(breaker.NotReached());
        Assert.True(breaker.IsOpen);
        Assert.False(breaker.NotReached());
        breaker.Answered();
        Assert.False(breaker.IsOpen);
    }

    [Fact]
    public void One_content_that_gets_no_answer_opens_nothing_and_two_do()
    {
        var breaker = new Breaker(new FakeTimeProvider());
        for (var i = 0; i < 10; i++)
        {
            Assert.False(breaker.NotAnswered("a"));
        }

        breaker.Answered();
        Assert.False(breaker.NotAnswered("b"));
        Assert.True(breaker.NotAnswered("a"));
    }

    [Fact]
    public void A_failure_of_the_connection_and_a_silence_are_two_failures()
    {
        var breaker = new Breaker(new FakeTimeProvider());
        Assert.False(breaker.NotAnswered("a"));
        Assert.True(breaker.NotReached());
    }

    [Fact]
    public void Probes_back_off_to_half_a_minute()
    {
        var breaker = new Breaker(new FakeTimeProvider());
        var delays = Enumerable.Range(0, 7).Select(_ => breaker.NextProbeDelay().TotalSeconds).ToArray();
        Assert.Equal([1, 2, 4, 8, 16, 30, 30], delays);
    }

    [Fact]
    public void A_throttle_holds_as_long_as_the_upstream_asked()
    {
        var time = new FakeTimeProvider();
        var budget = new RateBudget(time);
        budget.Learn(UpstreamOutcome.Throttled, TimeSpan.FromMinutes(10), null);
        Assert.True(budget.IsLow);
        Assert.Equal(TimeSpan.FromMinutes(10), budget.Throttled);
        time.Advance(TimeSpan.FromMinutes(10));
        Assert.Null(budget.Throttled);
        Assert.False(budget.IsLow);
    }

    [Fact]
    public void A_clock_set_back_prolongs_no_throttle_no_low_limit_and_no_wait_for_a_probe()
    {
        var time = new SettableTime();
        var (budget, breaker) = (new RateBudget(time), new Breaker(time));
        budget.Learn(UpstreamOutcome.Throttled, TimeSpan.FromSeconds(30), new RateLimit(100, 0, TimeSpan.FromMinutes(1)));
        breaker.NotReached();
        breaker.NotReached();
        time.SetBack = TimeSpan.FromHours(1);
        Assert.Equal(TimeSpan.FromSeconds(30), budget.Throttled);
        Assert.Equal(TimeSpan.FromSeconds(1), breaker.UntilProbe);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(budget.Throttled);
        Assert.True(budget.IsLow);
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.False(budget.IsLow);
    }

    [Fact]
    public void A_throttle_of_a_day_is_tried_again_after_a_quarter_of_an_hour()
    {
        var time = new FakeTimeProvider();
        var budget = new RateBudget(time);
        budget.Learn(UpstreamOutcome.Throttled, TimeSpan.FromDays(1), null);
        Assert.Equal(TimeSpan.FromMinutes(15), budget.Throttled);
    }

    [Fact]
    public void Pulls_that_are_on_their_way_or_were_not_told_of_count_before_a_header_says_so()
    {
        var time = new FakeTimeProvider();
        var budget = new RateBudget(time);
        budget.Learn(UpstreamOutcome.Found, null, new RateLimit(100, 28, TimeSpan.FromHours(6)));
        Assert.True(budget.TrySpend(isBackground: true)); // 27 left
        Assert.True(budget.TrySpend(isBackground: true)); // 26
        Assert.True(budget.TrySpend(isBackground: true)); // 25
        Assert.False(budget.TrySpend(isBackground: true));
        Assert.True(budget.TrySpend(isBackground: false)); // a client's is never refused for it
        budget.Spent(isTold: false);
        Assert.True(budget.IsLow);
        foreach (var _ in Enumerable.Range(0, 3))
        {
            budget.Learn(UpstreamOutcome.Found, null, new RateLimit(100, 90, TimeSpan.FromHours(6)));
            budget.Spent(isTold: true);
        }

        Assert.False(budget.IsLow);
    }

    [Theory]
    [InlineData(26, false)]
    [InlineData(25, true)]
    [InlineData(0, true)]
    public void A_quarter_of_the_limit_is_kept_for_clients(int remaining, bool low)
    {
        var time = new FakeTimeProvider();
        var budget = new RateBudget(time);
        budget.Learn(UpstreamOutcome.Found, null, new RateLimit(100, remaining, TimeSpan.FromHours(6)));
        Assert.Equal(low, budget.IsLow);
        time.Advance(TimeSpan.FromHours(6));
        Assert.False(budget.IsLow);
    }

    /// <summary>A clock whose time of day is set, which its timestamps do not follow; the fake one's own setting moves both.</summary>
    private sealed class SettableTime : FakeTimeProvider
    {
        public TimeSpan SetBack { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - SetBack;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }
}
