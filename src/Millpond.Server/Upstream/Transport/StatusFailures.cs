using System.Globalization;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What a status that is no success says of whom.</summary>
internal static class StatusFailures
{
    // The status says enough; its words may not hold it up for long.
    private static readonly TimeSpan WordsWithin = TimeSpan.FromSeconds(2);

    /// <param name="sign">Says whether there is a registry at all, where the answer has no sign of one.</param>
    public static async Task<UpstreamException> OfAsync(
        HttpResponseMessage response, Exchange exchange, PullThroughRule rule, RegistrySign sign, TimeProvider time, CancellationToken cancellationToken)
    {
        var error = await ReadErrorAsync(response, time, cancellationToken);
        var status = (int)response.StatusCode;
        var said = error?.Quote(exchange.Words) is { Length: > 0 } quoted ? $" ({quoted})" : "";
        var reason = string.Create(CultureInfo.InvariantCulture, $"{exchange.WaitingFor} answered {status}{said}");
        var outcome = Outcome(status, error is { IsRegistrys: true } ? error.Code : null, exchange);
        var isSigned = outcome is not (UpstreamOutcome.NotFound or UpstreamOutcome.Refused)
            || exchange.IsAnsweredElsewhere
            || outcome == UpstreamOutcome.Refused && response.Headers.NonValidated.Contains("WWW-Authenticate")
            || RegistrySign.IsOn(response, error)
            || !exchange.LeftOrigin && await sign.IsRegistryAsync(cancellationToken);
        if (!isSigned)
        {
            return new UpstreamException(
                UpstreamOutcome.BadAnswer,
                $"{reason}, but not as a registry: {(exchange.LeftOrigin ? "no registry's error came with it" : $"its {RegistrySign.Path} does not answer like one's either")}")
            {
                Status = status,
            };
        }

        var isCredentialRefused = status == 401 && exchange.IsBasic;
        return new UpstreamException(
            outcome, reason + (outcome == UpstreamOutcome.Refused ? Advice(isCredentialRefused, exchange, rule) : ""), RetryAfterHeader.Read(response, time))
        {
            Status = status,
            Detail = outcome == UpstreamOutcome.Refused && exchange.IsAnsweredElsewhere ? exchange.RemedyDetail : "",
            IsCredentialRefused = outcome == UpstreamOutcome.Refused && isCredentialRefused,
        };
    }

    private static async Task<RegistryErrorBody?> ReadErrorAsync(HttpResponseMessage response, TimeProvider time, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(WordsWithin, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        return await RegistryErrorBody.ReadAsync(response, both.Token);
    }

    private static UpstreamOutcome Outcome(int status, string? code, Exchange exchange) => status switch
    {
        404 => UpstreamOutcome.NotFound,
        // The credential was the registry's to judge, and it sent us on: its blob host is at fault.
        401 or 403 when exchange is { LeftOrigin: true, IsAnsweredElsewhere: false } => UpstreamOutcome.BadAnswer,
        401 or 403 => UpstreamOutcome.Refused,
        429 => UpstreamOutcome.Throttled,
        >= 500 => UpstreamOutcome.ServerError,
        >= 400 when code is "NAME_UNKNOWN" or "MANIFEST_UNKNOWN" or "BLOB_UNKNOWN" => UpstreamOutcome.NotFound,
        >= 400 when code is "TOOMANYREQUESTS" => UpstreamOutcome.Throttled,
        _ => UpstreamOutcome.BadAnswer,
    };

    private static string Advice(bool isCredentialRefused, Exchange exchange, PullThroughRule rule) =>
        exchange.IsAnsweredElsewhere ? exchange.Remedy
        : !rule.IsAuthenticated ? "; it was asked without a credential"
        : isCredentialRefused ? $"; it refused the credential of rule {rule.Prefix}"
        : exchange.IsAuthorized ? $"; it was asked with the credential of rule {rule.Prefix}"
        : $"; it did not ask for the credential of rule {rule.Prefix}";
}
