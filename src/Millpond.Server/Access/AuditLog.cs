using System.Net;
using Microsoft.Extensions.Logging;

namespace Millpond.Server.Access;

/// <summary>
/// One line for each call of the control plane and each refusal: who, from where, what, and what came of it. Holds no secret: resources and
/// actions are names, and what was sent is not in it. Refusals cost nothing to make, so that of many a minute the sum is told.
/// </summary>
public sealed partial class AuditLog : IDisposable
{
    private const int Longest = 300;

    /// <summary>Addresses that are named in the sums of a minute; the others are one line.</summary>
    private const int MostNamed = 20;

    private readonly ILogger<AuditLog> log;
    private readonly RefusalRate rate;
    private readonly ITimer timer;

    public AuditLog(TimeProvider time, ILogger<AuditLog> log)
    {
        this.log = log;
        rate = new(time);
        timer = time.CreateTimer(_ => Tell(rate.End()), null, RefusalRate.Window, RefusalRate.Window);
    }

    /// <summary>Tells what was not told yet.</summary>
    public void Dispose()
    {
        timer.Dispose();
        Tell(rate.Take());
    }

    /// <param name="who">An ARN, a robot's name, or <c>anonymous</c>.</param>
    /// <param name="what">The action.</param>
    /// <param name="on">The resource.</param>
    /// <param name="result"><c>ok</c>, or the error's type.</param>
    /// <param name="because">Why it was refused; empty else.</param>
    public void Record(string who, IPAddress? from, string what, string on, string result, string because, string requestId)
    {
        if (result == "ok")
        {
            Log.Done(log, Bounded(who), from, what, Bounded(on), result, requestId);
        }
        else
        {
            var isTold = rate.Admit(from, out var ended);
            Tell(ended);
            if (isTold)
            {
                Log.Refused(log, Bounded(who), from, what, Bounded(on), result, Bounded(because), requestId);
            }
        }
    }

    private void Tell(IReadOnlyList<(string From, long Count)> sums)
    {
        foreach (var (from, count) in sums.Take(MostNamed))
        {
            Log.Summed(log, count, from);
        }

        if (sums.Count > MostNamed)
        {
            Log.Summed(log, sums.Skip(MostNamed).Sum(sum => sum.Count), $"{sums.Count - MostNamed} other addresses");
        }
    }

    private static string Bounded(string text) => text.Length <= Longest ? text : string.Concat(text.AsSpan(0, Longest), "…");

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "audit: {Who} from {From}: {Action} on {Resource}: {Result} (request {Request})")]
        public static partial void Done(ILogger logger, string who, IPAddress? from, string action, string resource, string result, string request);

        [LoggerMessage(2, LogLevel.Warning, "audit: {Who} from {From}: {Action} on {Resource}: {Result}, {Because} (request {Request})")]
        public static partial void Refused(ILogger logger, string who, IPAddress? from, string action, string resource, string result, string because, string request);

        [LoggerMessage(3, LogLevel.Warning, "audit: {Count} further refusals from {From} within a minute have no lines of their own")]
        public static partial void Summed(ILogger logger, long count, string from);
    }
}
