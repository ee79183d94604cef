using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Millpond.Server.Telemetry;

namespace Millpond.Server;

/// <summary>
/// How many connections one listener has open at once. One too many is closed before anything is read from it, TLS included: whoever holds
/// thousands of them costs the others no memory, and health checks have listeners without a limit.
/// </summary>
internal sealed partial class ConnectionLimit(Uri listener, int most, MillpondMetrics metrics, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan SaidEvery = TimeSpan.FromMinutes(1);

    private int open;
    private long lastSaid = long.MinValue;

    public int Open => Volatile.Read(ref open);

    public async Task AdmitAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref open) <= most)
            {
                await next(connection);
                return;
            }
        }
        finally
        {
            Interlocked.Decrement(ref open);
        }

        metrics.ConnectionRefused();
        Say();
        connection.Abort();
    }

    private void Say()
    {
        var (now, last) = (time.GetTimestamp(), Volatile.Read(ref lastSaid));
        if ((last == long.MinValue || time.GetElapsedTime(last, now) >= SaidEvery) && Interlocked.CompareExchange(ref lastSaid, now, last) == last)
        {
            Log.Full(log, listener, most);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(11, LogLevel.Warning, "{Listener} has {Most} connections open and closes further ones (limits.connections)")]
        public static partial void Full(ILogger logger, Uri listener, int most);
    }
}
