using System.Text;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;

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
        // Why it could not start is told once, by whoever started it, and without where in the framework that was noticed.
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
    }

    /// <summary>To the standard output; a slow reader of it loses lines rather than slow pulls.</summary>
    public static void WriteToConsole(ILoggingBuilder logging, LogConfiguration configuration, TimeProvider time)
    {
        // Not Console.Out, which hands a line on in pieces, and other lines fall between: the access log writes to the same output.
        const int MoreThanALine = 16 * 1024;
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), MoreThanALine);
        MillpondLogging.Configure(logging, configuration, output, time);
    }
}
