using System.Globalization;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;

namespace Millpond.Server.Telemetry;

/// <summary>Gives each category a logger that makes a line and queues it. Scopes are not kept: what a line needs is in its properties.</summary>
internal sealed class LogProvider : ILoggerProvider
{
    private readonly LogFormat format;
    private readonly LogOutput output;
    private readonly TimeProvider time;

    public LogProvider(LogFormat format, TextWriter output, TimeProvider time)
    {
        this.format = format;
        this.time = time;
        this.output = new(output, DroppedLine);
    }

    public ILogger CreateLogger(string categoryName) => new CategoryLogger(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose() => output.Dispose();

    private string Format(in LogLine line) => format == LogFormat.Json ? line.ToJson() : line.ToText();

    private string DroppedLine(long count) => Format(new(
        time.GetUtcNow(), LogLevel.Warning, "Log", "Dropped", $"{count} log lines were dropped here: the output was too slow for them",
        [new("Dropped", count)], null));

    private sealed class CategoryLogger(LogProvider provider, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                // Made here and now: the properties may change once the call is over.
                provider.output.Write(provider.Format(new(
                    provider.time.GetUtcNow(), logLevel, category, eventId.Name ?? eventId.Id.ToString(CultureInfo.InvariantCulture),
                    formatter(state, exception), state as IReadOnlyList<KeyValuePair<string, object?>> ?? [], exception)));
            }
        }
    }
}
