using Millpond.Cli;
using Millpond.Cli.Editing;

namespace Millpond.Tests.Cli;

/// <summary>Work on many things at once, and what comes of it in their order.</summary>
public sealed class SideBySideTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void What_comes_of_each_comes_in_their_order(int cores)
    {
        var random = new Random(12);
        var waits = Enumerable.Range(0, 500).Select(_ => random.Next(2000)).ToArray();
        Assert.Equal(Enumerable.Range(0, 500), SideBySide.Of(Enumerable.Range(0, 500), i => Spin(i, waits[i]), cores));
    }

    [Fact]
    public void Little_is_done_ahead_of_its_turn()
    {
        var done = 0;
        var taken = 0;
        foreach (var _ in SideBySide.Of(Enumerable.Range(0, 1000), i => Interlocked.Increment(ref done), 2))
        {
            taken++;
            Assert.InRange(Volatile.Read(ref done), taken, taken + 16);
        }

        Assert.Equal(1000, taken);
    }

    [Fact]
    public void A_failure_comes_in_its_turn_and_nothing_goes_on_behind_it()
    {
        var running = 0;
        var begun = 0;
        var given = new List<int>();
        var failure = Assert.Throws<CommandFailedException>(() =>
        {
            foreach (var i in SideBySide.Of(Enumerable.Range(0, 1000), Work, 2))
            {
                given.Add(i);
            }
        });
        Assert.Equal("40", failure.Message);
        Assert.Equal(Enumerable.Range(0, 40), given);
        Assert.Equal(0, Volatile.Read(ref running));
        Assert.InRange(begun, 41, 60);

        int Work(int i)
        {
            Interlocked.Increment(ref begun);
            Interlocked.Increment(ref running);
            Spin(i, 1000);
            Interlocked.Decrement(ref running);
            return i is 40 or 45 ? throw new CommandFailedException($"{i}") : i;
        }
    }

    private static int Spin(int i, int turns)
    {
        Thread.SpinWait(turns);
        return i;
    }
}
