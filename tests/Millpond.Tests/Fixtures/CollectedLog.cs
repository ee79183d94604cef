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

    public IReadOnlyList<LogLine> Lines => [.. lines];

    public ILogger CreateLogger(string categoryName) => new Collector(categoryName, lines);

    public void Dispose()
    {
    }

    private sealed class Collector(string category, ConcurrentQueue<LogLine> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue(new LogLine(logLevel, category, eventId.Id, formatter(state, exception), exception));
    }
}
