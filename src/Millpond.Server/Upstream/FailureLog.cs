using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream;

/// <summary>The log lines of one rule's failed requests: what an operator must mend as a warning, and not for every request anew.</summary>
internal sealed partial class FailureLog(PullThroughRule rule, SecretWords words, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    /// <summary>A host is at most 253 characters, a path on disk seldom more.</summary>
    private const int LongestDetail = 300;

    /// <summary>Failures that were written of late: an upstream that says something new each time costs lines of the log, not memory.</summary>
    private const int MostRemembered = 64;

    private readonly Lock writing = new();
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private readonly Dictionary<string, long> warned = new(StringComparer.Ordinal);

    /// <summary>Logs a failure, and gives its reason for clients: nothing secret, and where there is more to say the id to look it up by.</summary>
    public string Write(string path, UpstreamException failure)
    {
        var reason = words.Redact(failure.Message);
        var detail = words.Quote(failure.Detail, LongestDetail);
        if (detail.Length > 0)
        {
            var id = IdOf($"{failure.Outcome} {reason} {detail}");
            var isNews = IsNews(id);
            if (IsForOperator(failure) && isNews)
            {
                Log.MustBeMendedThere(log, rule.Prefix, failure.Outcome, reason, detail, id);
            }
            else if (isNews)
            {
                Log.FailedThere(log, rule.Prefix, failure.Outcome, reason, detail, id);
            }
            else
            {
                Log.Failed(log, rule.Prefix, path, failure.Outcome, reason);
            }

            return $"{reason} (log id {id})";
        }

        if (IsForOperator(failure) && IsNews(reason))
        {
            Log.MustBeMended(log, rule.Prefix, failure.Outcome, reason);
        }
        else
        {
            Log.Failed(log, rule.Prefix, path, failure.Outcome, reason);
        }

        return reason;
    }

    /// <summary>A fault that is in this program as much as in the answer that brought it about: told whole, so that it can be mended.</summary>
    public UpstreamException Unforeseen(Exception exception, string who)
    {
        Log.NotUnderstood(log, exception, rule.Prefix, who);
        return new(UpstreamOutcome.BadAnswer, $"{who} gave an answer that could not be read ({exception.GetType().Name})");
    }

    private static bool IsForOperator(UpstreamException failure) =>
        failure.Outcome is UpstreamOutcome.TlsFailure or UpstreamOutcome.BadAnswer || failure.IsCredentialRefused;

    /// <summary>
    /// The same for the same failure, so that one line in the log serves all who are told of it; keyed, so that nobody who guesses a path can
    /// prove it by the id.
    /// </summary>
    private string IdOf(string text) => Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)))[..6];

    private bool IsNews(string what)
    {
        lock (writing)
        {
            if (warned.TryGetValue(what, out var last) && time.GetElapsedTime(last) < Quiet)
            {
                return false;
            }

            if (warned.Count >= MostRemembered)
            {
                warned.Clear();
            }

            warned[what] = time.GetTimestamp();
            return true;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1701, LogLevel.Debug, "Rule {Rule}: {Path} gave {Outcome}: {Reason}")]
        public static partial void Failed(ILogger logger, string rule, string path, UpstreamOutcome outcome, string reason);

        [LoggerMessage(1704, LogLevel.Information, "Rule {Rule}: {Outcome}: {Reason}: {Detail} (log id {Id})")]
        public static partial void FailedThere(ILogger logger, string rule, UpstreamOutcome outcome, string reason, string detail, string id);

        [LoggerMessage(1705, LogLevel.Warning, "Rule {Rule} has an upstream that cannot be used as it is ({Outcome}): {Reason}: {Detail} (log id {Id})")]
        public static partial void MustBeMendedThere(ILogger logger, string rule, UpstreamOutcome outcome, string reason, string detail, string id);

        [LoggerMessage(1703, LogLevel.Error, "Rule {Rule}: the answer of {Who} could not be read; this is a fault to be reported")]
        public static partial void NotUnderstood(ILogger logger, Exception exception, string rule, string who);

        [LoggerMessage(1702, LogLevel.Warning, "Rule {Rule} has an upstream that cannot be used as it is ({Outcome}): {Reason}")]
        public static partial void MustBeMended(ILogger logger, string rule, UpstreamOutcome outcome, string reason);
    }
}
