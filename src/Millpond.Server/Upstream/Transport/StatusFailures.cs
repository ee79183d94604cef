using System.Globalization;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What a status that is no success says of whom.</summary>
internal static class StatusFailures
{
    // The status says enough; its words may not hold it up for long.
    private static readonly TimeSpan WordsWithin = TimeSpan.FromSeconds(2);

    public static async Task<UpstreamException> OfAsync(
        HttpResponseMessage response, Exchange exchange, PullThroughRule rule, TimeProvider time, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(WordsWithin, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        var error = await RegistryErrorBody.ReadAsync(response, both.Token);
        var status = (int)response.StatusCode;
        var said = error is null || error.ToString().Length == 0 ? "" : $" ({exchange.Redact(error.ToString())})";
        var reason = string.Create(CultureInfo.InvariantCulture, $"{exchange.WaitingFor} answered {status}{said}");
        return new UpstreamException(Outcome(status, error?.Code, exchange), reason + Advice(status, exchange, rule), RetryAfterHeader.Read(response, time));
    }

    private static UpstreamOutcome Outcome(int status, string? code, Exchange exchange) => status switch
    {
        404 => UpstreamOutcome.NotFound,
        // The credential was the registry's to judge, and it sent us on: its blob host is at fault.
        401 or 403 when exchange.LeftOrigin => UpstreamOutcome.BadAnswer,
        401 or 403 => UpstreamOutcome.Refused,
        429 => UpstreamOutcome.Throttled,
        >= 500 => UpstreamOutcome.ServerError,
        >= 400 when code is "NAME_UNKNOWN" or "MANIFEST_UNKNOWN" or "BLOB_UNKNOWN" => UpstreamOutcome.NotFound,
        >= 400 when code is "TOOMANYREQUESTS" => UpstreamOutcome.Throttled,
        _ => UpstreamOutcome.BadAnswer,
    };

    private static string Advice(int status, Exchange exchange, PullThroughRule rule) => status is 401 or 403 && !exchange.LeftOrigin
        ? rule.Credential is null ? "; it was asked without a credential" : $"; it refused the credential of rule {rule.Prefix}"
        : "";
}
