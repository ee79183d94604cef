using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;

namespace Millpond.Server.Telemetry;

/// <summary>How the server's log is written: a line per event, as JSON or as text, that a slow reader of it can lose but not delay.</summary>
public static class MillpondLogging
{
    /// <summary>Makes this the only place the log goes to; disposing of its services writes what is queued.</summary>
    /// <param name="output">Written and flushed by one thread; left open.</param>
    public static void Configure(ILoggingBuilder logging, LogConfiguration configuration, TextWriter output, TimeProvider time)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(configuration.Level);

        // Made by the container, because it disposes only of what it has made.
        logging.Services.AddSingleton<ILoggerProvider>(_ => new LogProvider(configuration.FormatOn(isTerminal: false), output, time));
    }
}
