using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Millpond.Server.Upstream.Transport;

/// <summary>What an exception of the network says of whom: out of reach, out of time, bad TLS and nonsense are different answers.</summary>
internal static class NetworkFailures
{
    /// <summary>The failure that an exception stands for; null where it is no failure of the network but a fault in the program.</summary>
    public static UpstreamException? Of(Exception exception, string who, SecretWords words)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case UpstreamException known:
                    return known.Again();
                case AuthenticationException tls:
                    return Tls(who, tls.Message, words);
                case SocketException socket:
                    return OfSocket(socket, who);
                case TimeoutException:
                    return new UpstreamException(UpstreamOutcome.Timeout, $"no connection to {who} in time (timeouts.connect)") { IsOfConnection = true };
                case CryptographicException alert:
                    // After the handshake: a TLS 1.3 server refuses a client's certificate only then.
                    return Tls(who, alert.Message, words);
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
            NotReached($"the name of {who} could not be resolved (DNS)"),
        SocketError.ConnectionRefused => NotReached($"{who} refused the connection"),
        SocketError.TimedOut => new(UpstreamOutcome.Timeout, $"no connection to {who}: it does not answer") { IsOfConnection = true },
        SocketError.NetworkUnreachable or SocketError.HostUnreachable or SocketError.NetworkDown or SocketError.HostDown
            or SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable =>
            NotReached($"there is no route to {who}"),
        _ => Broken(who),
    };

    private static UpstreamException OfHttp(HttpRequestError error, HttpStatusCode? status, string who) => error switch
    {
        HttpRequestError.ProxyTunnelError => NotReached(
            status is { } code ? $"the proxy in front of {who} answered {(int)code} to CONNECT" : $"the proxy in front of {who} gave no tunnel"),
        HttpRequestError.NameResolutionError => NotReached($"the name of {who} could not be resolved (DNS)"),
        HttpRequestError.InvalidResponse => new(UpstreamOutcome.BadAnswer, $"{who} does not speak HTTP as it should"),
        HttpRequestError.ConfigurationLimitExceeded => new(UpstreamOutcome.BadAnswer, $"{who} sent too large a header"),
        HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError => NotReached($"the connection to {who} broke"),
        _ => Broken(who),
    };

    private static UpstreamException Tls(string who, string message, SecretWords words) =>
        new(UpstreamOutcome.TlsFailure, $"the TLS connection to {who} failed: {words.Quote(message, 200)}") { IsOfConnection = true };

    private static UpstreamException NotReached(string reason) => new(UpstreamOutcome.Unreachable, reason) { IsOfConnection = true };

    private static UpstreamException Broken(string who) => new(UpstreamOutcome.Unreachable, $"the connection to {who} broke");
}
