using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What an exception of the network says of whom: out of reach, out of time, bad TLS and nonsense are different answers.</summary>
internal static class NetworkFailures
{
    /// <summary>The failure that an exception stands for; null where it is no failure of the network but a fault in the program.</summary>
    public static UpstreamException? Of(Exception exception, string who)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case UpstreamException known:
                    return known.Again();
                case AuthenticationException tls:
                    return Tls(who, tls.Message);
                case SocketException socket:
                    return OfSocket(socket, who);
                case TimeoutException:
                    return new UpstreamException(UpstreamOutcome.Timeout, $"no connection to {who} in time (timeouts.connect)");
                case CryptographicException alert:
                    // After the handshake: a TLS 1.3 server refuses a client's certificate only then.
                    return Tls(who, alert.Message);
                default:
                    break;
            }
        }

        return exception switch
        {
            HttpRequestException http => OfHttp(http.HttpRequestError, http.StatusCode, who),
            HttpIOException http => OfHttp(http.HttpRequestError, null, who),
            IOException => Broken(who),
            _ => null,
        };
    }

    public static UpstreamException OfSocket(SocketException exception, string who) => exception.SocketErrorCode switch
    {
        SocketError.HostNotFound or SocketError.NoData or SocketError.NoRecovery or SocketError.TryAgain =>
            new(UpstreamOutcome.Unreachable, $"the name of {who} could not be resolved (DNS)"),
        SocketError.ConnectionRefused => new(UpstreamOutcome.Unreachable, $"{who} refused the connection"),
        SocketError.TimedOut => new(UpstreamOutcome.Timeout, $"no connection to {who}: it does not answer"),
        SocketError.NetworkUnreachable or SocketError.HostUnreachable or SocketError.NetworkDown or SocketError.HostDown
            or SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable =>
            new(UpstreamOutcome.Unreachable, $"there is no route to {who}"),
        _ => Broken(who),
    };

    private static UpstreamException OfHttp(HttpRequestError error, HttpStatusCode? status, string who) => error switch
    {
        HttpRequestError.ProxyTunnelError => new(
            UpstreamOutcome.Unreachable,
            status is { } code ? $"the proxy in front of {who} answered {(int)code} to CONNECT" : $"the proxy in front of {who} gave no tunnel"),
        HttpRequestError.NameResolutionError => new(UpstreamOutcome.Unreachable, $"the name of {who} could not be resolved (DNS)"),
        HttpRequestError.InvalidResponse => new(UpstreamOutcome.BadAnswer, $"{who} does not speak HTTP as it should"),
        HttpRequestError.ConfigurationLimitExceeded => new(UpstreamOutcome.BadAnswer, $"{who} sent too large a header"),
        _ => Broken(who),
    };

    private static UpstreamException Tls(string who, string message) =>
        new(UpstreamOutcome.TlsFailure, $"the TLS connection to {who} failed: {Words.Quote(message, 200)}");

    private static UpstreamException Broken(string who) => new(UpstreamOutcome.Unreachable, $"the connection to {who} broke");
}
