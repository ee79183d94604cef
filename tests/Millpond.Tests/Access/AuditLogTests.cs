using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Access;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Access;

/// <summary>Refusals cost nothing to make: their lines are bounded, and none is lost uncounted.</summary>
public sealed class AuditLogTests
{
    private static readonly IPAddress One = IPAddress.Parse("10.0.0.1");
    private static readonly IPAddress Other = IPAddress.Parse("10.0.0.2");

    [Fact]
    public void Of_many_refusals_from_an_address_the_rest_is_summed()
    {
        var (clock, log) = (new FakeTimeProvider(), new CollectedLog());
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        using (var audit = new AuditLog(clock, logs.CreateLogger<AuditLog>()))
        {
            Refuse(audit, One, 350);
            Refuse(audit, Other, 3);
            Assert.Equal((100, 3), (Lines(log, One), Lines(log, Other)));
            clock.Advance(TimeSpan.FromMinutes(1));
            Assert.Equal(["audit: 250 further refusals from 10.0.0.1 within a minute have no lines of their own"], Sums(log));
            Refuse(audit, One, 150);
            audit.Record("a", One, "ecr:ListImages", "*", "ok", "", "r");
        }

        // What was not told yet is told at the end, and what went well always.
        Assert.Equal((200, 2), (Lines(log, One), Sums(log).Count));
        Assert.Contains(log.Lines, line => line.Message.Contains(": ok", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_more_addresses_than_are_named_the_rest_is_one_line()
    {
        var (clock, log) = (new FakeTimeProvider(), new CollectedLog());
        using var logs = LoggerFactory.Create(logging => logging.AddProvider(log));
        using (var audit = new AuditLog(clock, logs.CreateLogger<AuditLog>()))
        {
            for (var number = 0; number < 20_000; number++)
            {
                Refuse(audit, new IPAddress([10, 1, (byte)(number >> 8), (byte)number]), 1);
            }
        }

        Assert.Equal(1000, log.Lines.Count(line => line.Message.Contains("AccessDeniedException", StringComparison.Ordinal)));
        Assert.Equal(19_000, Sums(log).Sum(line => int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.InRange(Sums(log).Count, 1, 21);
    }

    private static void Refuse(AuditLog audit, IPAddress from, int times)
    {
        for (var number = 0; number < times; number++)
        {
            audit.Record("unknown", from, "ecr:ListImages", "*", "AccessDeniedException", "no", "r");
        }
    }

    private static int Lines(CollectedLog log, IPAddress from) =>
        log.Lines.Count(line => line.Message.Contains($"from {from}: ", StringComparison.Ordinal) && line.Message.Contains("AccessDeniedException", StringComparison.Ordinal));

    private static List<string> Sums(CollectedLog log) => [.. log.Lines.Select(line => line.Message).Where(message => message.Contains("further refusals", StringComparison.Ordinal))];
}
