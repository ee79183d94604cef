using System.Net;
using System.Net.Sockets;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>How names become addresses and addresses connections; replaced where a test needs a name of its own.</summary>
internal sealed record NetworkAccess(
    Func<string, CancellationToken, Task<IPAddress[]>> Resolve, Func<IPEndPoint, CancellationToken, Task<Stream>> Dial)
{
    public static NetworkAccess System { get; } = new(ResolveAsync, DialAsync);

    private static Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) =>
        IPAddress.TryParse(host, out var address)
            ? Task.FromResult<IPAddress[]>([address])
            : Dns.GetHostAddressesAsync(host, cancellationToken);

    private static async Task<Stream> DialAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>Makes the connections of one rule: name, address rule, happy eyeballs, all within the connect timeout on the rule's clock.</summary>
internal sealed class UpstreamConnector(
    PullThroughRule rule, AddressRules addressRules, UpstreamProxy proxy, NetworkAccess network, TimeProvider time)
{
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var viaProxy = context.InitialRequestMessage.RequestUri is { } target && proxy.GetProxy(target) is not null;
        var within = Exchange.Of(context.InitialRequestMessage)?.ConnectWithin ?? rule.Timeouts.Connect;
        using var timeout = new CancellationTokenSource(within, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        var who = viaProxy ? $"the proxy in front of {rule.UpstreamName}" : Exchange.Of(context.InitialRequestMessage)?.WaitingFor ?? $"the token service of {rule.UpstreamName}";
        // What clients are told says it all where the rule names the upstream by its host.
        var detail = !viaProxy && (rule.UpstreamName == host || rule.UpstreamName == $"{host}:{port}") ? "" : $"{host}:{port}";
        try
        {
            var addresses = await network.Resolve(host, both.Token);
            if (!viaProxy)
            {
                addresses = await addressRules.PermitAsync(host, port, addresses, both.Token);
            }

            return await HappyEyeballs.ConnectAsync(
                addresses, (address, stop) => network.Dial(new IPEndPoint(address, port), stop), time, both.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamOutcome.Timeout, $"no connection to {who} within {Words.Of(within)} (timeouts.connect)")
            {
                Detail = detail,
                IsOfConnection = true,
            };
        }
        catch (SocketException e)
        {
            throw NetworkFailures.OfSocket(e, who).At(detail);
        }
    }
}
