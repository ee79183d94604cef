using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>The log lines of one rule's failed requests: what an operator must mend as a warning, and not for every request anew.</summary>
internal sealed partial class FailureLog(PullThroughRule rule, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly Lock writing = new();
    private (string Reason, long At)? warned;

    public void Write(string path, UpstreamException failure)
    {
        if (IsForOperator(failure.Outcome) && IsNews(failure.Message))
        {
            Log.MustBeMended(log, rule.Prefix, failure.Outcome, failure.Message);
        }
        else
        {
            Log.Failed(log, rule.Prefix, path, failure.Outcome, failure.Message);
        }
    }

    private bool IsForOperator(UpstreamOutcome outcome) =>
        outcome is UpstreamOutcome.TlsFailure or UpstreamOutcome.BadAnswer || outcome == UpstreamOutcome.Refused && rule.Credential is not null;

    private bool IsNews(string reason)
    {
        lock (writing)
        {
            if (warned is { } last && last.Reason == reason && time.GetElapsedTime(last.At) < Quiet)
            {
                return false;
            }

            warned = (reason, time.GetTimestamp());
            return true;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1701, LogLevel.Debug, "Rule {Rule}: {Path} gave {Outcome}: {Reason}")]
        public static partial void Failed(ILogger logger, string rule, string path, UpstreamOutcome outcome, string reason);

        [LoggerMessage(1702, LogLevel.Warning, "Rule {Rule} has an upstream that cannot be used as it is ({Outcome}): {Reason}")]
        public static partial void MustBeMended(ILogger logger, string rule, UpstreamOutcome outcome, string reason);
    }
}
