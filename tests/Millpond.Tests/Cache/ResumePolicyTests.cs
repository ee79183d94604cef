using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Fills;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Cache;

/// <summary>What a download does next, as a table.</summary>
public sealed class ResumePolicyTests
{
    [Theory]
    [InlineData(0, false, false, ResumeStep.Connect, 0)]
    [InlineData(1, false, false, ResumeStep.Connect, 500)]
    [InlineData(2, false, false, ResumeStep.Connect, 1000)]
    [InlineData(4, false, false, ResumeStep.Connect, 4000)]
    [InlineData(4, false, true, ResumeStep.Connect, 4000)]
    [InlineData(5, false, false, ResumeStep.GiveUp, 0)]
    [InlineData(5, false, true, ResumeStep.TakeOver, 0)]
    [InlineData(0, true, false, ResumeStep.AwaitUpstream, 120_000)]
    [InlineData(5, true, false, ResumeStep.AwaitUpstream, 120_000)]
    [InlineData(0, true, true, ResumeStep.TakeOver, 0)]
    internal void A_connection_that_ended(int tries, bool isOpen, bool hasOther, ResumeStep step, int milliseconds)
    {
        var decision = ResumePolicy.Next(new ResumeState(tries, TimeSpan.Zero, isOpen, hasOther, null, null));
        Assert.Equal(new ResumeDecision(step, TimeSpan.FromMilliseconds(milliseconds)), decision);
    }

    [Theory]
    [InlineData(119.5, false, ResumeStep.AwaitUpstream, 500)]
    [InlineData(120, false, ResumeStep.GiveUpLost, 0)]
    [InlineData(500, false, ResumeStep.GiveUpLost, 0)]
    [InlineData(500, true, ResumeStep.TakeOver, 0)]
    internal void An_outage(double seconds, bool hasOther, ResumeStep step, int milliseconds)
    {
        var decision = ResumePolicy.Next(new ResumeState(1, TimeSpan.FromSeconds(seconds), IsOpen: true, hasOther, null, null));
        Assert.Equal(new ResumeDecision(step, TimeSpan.FromMilliseconds(milliseconds)), decision);
    }

    [Theory]
    [InlineData(UpstreamOutcome.Throttled, 7, 7000)]
    [InlineData(UpstreamOutcome.Throttled, 3600, 30_000)]
    [InlineData(UpstreamOutcome.Throttled, 0, 500)]
    [InlineData(UpstreamOutcome.ServerError, 7, 500)]
    internal void A_throttling_upstream_is_obeyed_within_reason(UpstreamOutcome last, int seconds, int milliseconds)
    {
        var decision = ResumePolicy.Next(new ResumeState(1, TimeSpan.Zero, false, false, last, TimeSpan.FromSeconds(seconds)));
        Assert.Equal(new ResumeDecision(ResumeStep.Connect, TimeSpan.FromMilliseconds(milliseconds)), decision);
    }

    [Theory]
    [InlineData(1000, 100, 10_000, 0.2, false)]
    [InlineData(1000, 100, 10_000, 1, false)]
    [InlineData(3000, 100, 10_000, 1, true)]
    [InlineData(3000, 4 * 1024 * 1024, 10_000, 1, true)]
    [InlineData(3000, (4 * 1024 * 1024) + 1, 10_000, 1, false)]
    [InlineData(60_000, 100_000_000, 10_000, 1, true)]
    [InlineData(1, 100, 0, 1, true)]
    [InlineData(0, 100, 0, 1, false)]
    internal void A_range_is_far(long ahead, long length, double rate, double measured, bool isFar) =>
        Assert.Equal(isFar, SideRequests.IsFar(ahead, length, rate, TimeSpan.FromSeconds(measured)));

    [Fact]
    public void No_more_than_eight_far_ranges_are_asked_for_at_a_time()
    {
        var time = new FakeTimeProvider();
        using var growth = new Growth(time);
        var sides = new SideRequests(growth);
        growth.Start(from: 0);
        Assert.False(sides.TryTake(10_000_000, 1000));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.All(Enumerable.Range(0, 8), _ => Assert.True(sides.TryTake(10_000_000, 1000)));
        Assert.False(sides.TryTake(10_000_000, 1000));
        sides.Return();
        Assert.True(sides.TryTake(10_000_000, 1000));
    }

    [Fact]
    public void The_present_rate_forgets_how_fast_it_was()
    {
        var time = new FakeTimeProvider();
        using var growth = new Growth(time);
        growth.Start(from: 0);
        for (var second = 1; second <= 10; second++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            growth.Release(second * 1_000_000L);
        }

        Assert.Equal(1_000_000, growth.Rate().BytesPerSecond, tolerance: 1);
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(100_000, growth.Rate().BytesPerSecond, tolerance: 1);
    }
}
