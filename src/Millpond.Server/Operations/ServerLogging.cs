using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Millpond.Server.Configuration;

namespace Millpond.Server.Operations;

/// <summary>How the log is written where nobody else says so.</summary>
public static class ServerLogging
{
    /// <summary>
    /// The framework's lines are for its developers. Its hosting category is off altogether: as long as anything is logged there, every
    /// request gets a scope and an activity.
    /// </summary>
    public static void Quieten(ILoggingBuilder logging, LogConfiguration configuration)
    {
        logging.SetMinimumLevel(configuration.Level);
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Microsoft.Hosting", LogLevel.Warning);
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.Warning);
    }

    /// <summary>To the standard output; a slow reader of it loses lines rather than slow pulls.</summary>
    public static void WriteToConsole(ILoggingBuilder logging, LogFormat format)
    {
        const string Timestamp = "yyyy-MM-ddTHH:mm:ss.fffZ";
        if (format == LogFormat.Json)
        {
            logging.AddJsonConsole(options =>
            {
                options.TimestampFormat = Timestamp;
                options.UseUtcTimestamp = true;
            });
        }
        else
        {
            logging.AddSimpleConsole(options =>
            {
                options.TimestampFormat = Timestamp + " ";
                options.UseUtcTimestamp = true;
                options.SingleLine = true;
                options.ColorBehavior = LoggerColorBehavior.Disabled;
            });
        }

        logging.Services.Configure<ConsoleLoggerOptions>(options => options.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);
    }
}
