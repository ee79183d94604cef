using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;

namespace Millpond.Tests.Telemetry;

public sealed partial class MillpondLoggingTests
{
    private static readonly FakeTimeProvider Clock = new(new DateTimeOffset(2030, 5, 6, 7, 8, 9, 123, TimeSpan.Zero));

    [Fact]
    public void A_json_line_has_the_event_and_each_property()
    {
        var line = Assert.Single(Lines(LogFormat.Json, log => Log.FillEnded(log, "quay.io", 12345678901, 1.5, true, TimeSpan.FromMilliseconds(250), null)));

        Assert.Equal(
            """{"time":"2030-05-06T07:08:09.123Z","level":"info","category":"Fill","event":"FillEnded","message":"fill from quay.io ended: 12345678901 bytes, 1.5 s, True, 00:00:00.2500000, (null)","upstream":"quay.io","bytes":12345678901,"seconds":1.5,"resumed":true,"waited":0.25,"failure":null}""",
            line);
    }

    [Fact]
    public void A_text_line_is_for_people()
    {
        var line = Assert.Single(Lines(LogFormat.Text, log => Log.Hostile(log, "a\r\nb", "Time", "x")));

        Assert.Equal("2030-05-06T07:08:09.123Z warning Fill: path a b, time Time, message x", line);
    }

    [Fact]
    public void Nothing_that_is_logged_can_begin_a_line_or_a_field_of_its_own()
    {
        var line = Assert.Single(Lines(LogFormat.Json, log => Log.Hostile(log, "a\n{\"level\":\"error\"}\0", "\"", "<é>")));

        using var json = JsonDocument.Parse(line);
        Assert.Equal("a\n{\"level\":\"error\"}\0", json.RootElement.GetProperty("path").GetString());
        Assert.Equal("warning", json.RootElement.GetProperty("level").GetString());
        Assert.Equal("\"", json.RootElement.GetProperty("time_").GetString());
        Assert.Equal("<é>", json.RootElement.GetProperty("message_").GetString());
        Assert.Equal(
            json.RootElement.EnumerateObject().Count(),
            json.RootElement.EnumerateObject().Select(field => field.Name).Distinct().Count());
    }

    [Theory]
    [InlineData(LogFormat.Json)]
    [InlineData(LogFormat.Text)]
    public void An_exception_stays_on_its_line(LogFormat format)
    {
        var failure = new InvalidOperationException("outer", new IOException("inner"));

        var line = Assert.Single(Lines(format, log => Log.Failed(log, failure)));

        Assert.Contains("InvalidOperationException: outer", line, StringComparison.Ordinal);
        Assert.Contains("IOException: inner", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(LogLevel.Warning, 1)]
    [InlineData(LogLevel.Information, 2)]
    public void Lines_below_the_level_are_not_written(LogLevel level, int expected) =>
        Assert.Equal(expected, Lines(new LogConfiguration(level), log =>
        {
            Log.FillEnded(log, "quay.io", 1, 1, false, default, null);
            Log.Hostile(log, "a", "b", "c");
        }).Length);

    [Fact]
    public void Values_keep_their_kind_and_odd_ones_become_text()
    {
        var line = Assert.Single(Lines(LogFormat.Json, log => log.Log(
            LogLevel.Error,
            new EventId(7),
            new KeyValuePair<string, object?>[]
            {
                new("NotANumber", double.NaN), new("Big", ulong.MaxValue), new("Price", 1.10m), new("Small", (byte)3),
                new("At", Clock.GetUtcNow()), new("Kind", LogFormat.Text), new("Where", new Uri("http://a.example/b?c=d&e")),
            },
            null,
            (_, _) => "odd")));

        Assert.EndsWith(
            "\"event\":\"7\",\"message\":\"odd\",\"notANumber\":\"NaN\",\"big\":18446744073709551615,\"price\":1.10,\"small\":3,"
            + "\"at\":\"2030-05-06T07:08:09.123Z\",\"kind\":\"Text\",\"where\":\"http://a.example/b?c=d&e\"}",
            line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_slow_output_loses_lines_and_says_how_many_but_delays_nobody()
    {
        const int Sent = 10_000;
        using var output = new StuckWriter();
        using (var services = Services(new(), output))
        {
            var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("Millpond.Fill");
            Log.Hostile(log, "first", "", "");
            Assert.True(output.Reached.Wait(TimeSpan.FromSeconds(30)));

            // The output takes nothing, and still all of these calls return.
            for (var i = 0; i < Sent; i++)
            {
                Log.Hostile(log, "more", "", "");
            }

            output.Release.Set();
        }

        var lines = Split(output.ToString());
        var report = Assert.Single(lines, line => line.Contains("\"event\":\"Dropped\"", StringComparison.Ordinal));
        using var json = JsonDocument.Parse(report);
        var dropped = json.RootElement.GetProperty("dropped").GetInt32();
        Assert.InRange(dropped, 1, Sent - 1);
        Assert.Equal(Sent + 1 - dropped, lines.Length - 1);
    }

    [Fact]
    public void Lines_leave_in_pieces_that_a_pipe_does_not_tear()
    {
        using var output = new StuckWriter();
        using (var services = Services(new(), output))
        {
            var log = services.GetRequiredService<ILoggerFactory>().CreateLogger("Millpond.Fill");
            for (var i = 0; i < 200; i++)
            {
                Log.Hostile(log, $"{i}", "", "");
            }

            output.Release.Set();
        }

        Assert.All(output.Pieces, piece => Assert.EndsWith("\n", piece, StringComparison.Ordinal));
        Assert.All(output.Pieces, piece => Assert.InRange(piece.Length, 1, 4096));
        Assert.Equal(200, Split(output.ToString()).Length);
    }

    [Fact]
    public void A_broken_output_breaks_nothing_else()
    {
        using var output = new BrokenWriter();
        using (var services = Services(new(), output))
        {
            Log.Hostile(services.GetRequiredService<ILoggerFactory>().CreateLogger("Millpond.Fill"), "a", "b", "c");
        }

        Assert.True(output.Tried);
    }

    private static string[] Lines(LogFormat format, Action<ILogger> write) => Lines(new LogConfiguration(LogLevel.Trace, format), write);

    private static string[] Lines(LogConfiguration configuration, Action<ILogger> write)
    {
        using var output = new StringWriter();
        using (var services = Services(configuration, output))
        {
            write(services.GetRequiredService<ILoggerFactory>().CreateLogger("Millpond.Server.Cache.Fill"));
        }

        return Split(output.ToString());
    }

    private static ServiceProvider Services(LogConfiguration configuration, TextWriter output) =>
        new ServiceCollection().AddLogging(logging => MillpondLogging.Configure(logging, configuration, output, Clock)).BuildServiceProvider();

    private static string[] Split(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Takes nothing until it is released, and keeps the pieces it was given.</summary>
    private sealed class StuckWriter : StringWriter
    {
        public ManualResetEventSlim Reached { get; } = new();

        public ManualResetEventSlim Release { get; } = new();

        public List<string> Pieces { get; } = [];

        public override void Write(System.Text.StringBuilder? value)
        {
            Reached.Set();
            Release.Wait();
            Pieces.Add(value!.ToString());
            base.Write(value);
        }
    }

    private sealed class BrokenWriter : StringWriter
    {
        public bool Tried { get; private set; }

        public override void Write(System.Text.StringBuilder? value)
        {
            Tried = true;
            throw new IOException("Broken pipe");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "fill from {Upstream} ended: {Bytes} bytes, {Seconds} s, {Resumed}, {Waited}, {Failure}")]
        public static partial void FillEnded(ILogger logger, string upstream, long bytes, double seconds, bool resumed, TimeSpan waited, string? failure);

        [LoggerMessage(2, LogLevel.Warning, "path {Path}, time {Time}, message {Message}")]
        public static partial void Hostile(ILogger logger, string path, string time, string message);

        [LoggerMessage(3, LogLevel.Error, "it failed")]
        public static partial void Failed(ILogger logger, Exception failure);
    }
}
