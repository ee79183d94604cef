using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Millpond.Tests.Fixtures;

public sealed record LogLine(LogLevel Level, string Category, int Id, string Message, Exception? Exception)
{
    public override string ToString() => $"{Level} {Category}[{Id}]: {Message}{(Exception is null ? "" : $"\n{Exception}")}";
}

/// <summary>Keeps every log line of a server for its test.</summary>
public sealed class CollectedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<LogLine> lines = new();
    private TaskCompletionSource more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IReadOnlyList<LogLine> Lines => [.. lines];

    public ILogger CreateLogger(string categoryName) => new Collector(categoryName, this);

    /// <summary>Ends when a line with this text was logged, for the so manieth time.</summary>
    public async Task<LogLine> WhenLineAsync(string text, int times = 1)
    {
        using var patience = new CancellationTokenSource(Patience.Limit);
        while (true)
        {
            var next = Volatile.Read(ref more);
            if (lines.Where(line => line.Message.Contains(text, StringComparison.Ordinal)).ElementAtOrDefault(times - 1) is { } found)
            {
                return found;
            }

            await next.Task.WaitAsync(patience.Token);
        }
    }

    public void Dispose()
    {
    }

    private void Add(LogLine line)
    {
        lines.Enqueue(line);
        Interlocked.Exchange(ref more, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    private sealed class Collector(string category, CollectedLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Add(new LogLine(logLevel, category, eventId.Id, formatter(state, exception), exception));
    }
}
