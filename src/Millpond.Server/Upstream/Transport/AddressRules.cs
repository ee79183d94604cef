using System.Net;
using System.Net.Sockets;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// Where a redirect or a token realm may lead: to private addresses only where the upstream is private itself or the rule says so, and to
/// loopback or link-local ones only where the upstream is there itself, whatever the rule says: any service of this machine, and the
/// credentials that a cloud gives it, would be a redirect away. Judged on the addresses a connection is about to be made to, so that a
/// name cannot change its meaning in between.
/// </summary>
internal sealed class AddressRules(
    PullThroughRule rule, IEnumerable<Uri> trusted, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    // What a proxy that stands in a cloud would take for its metadata service.
    private static readonly string[] MetadataNames = ["metadata.google.internal", "metadata"];

    private readonly HashSet<(string Host, int Port)> trusted = [.. trusted.Select(uri => (uri.IdnHost.ToLowerInvariant(), uri.Port))];

    /// <summary>Of a host's addresses those that may be connected to.</summary>
    /// <exception cref="UpstreamException">None may.</exception>
    public async ValueTask<IPAddress[]> PermitAsync(string host, int port, IPAddress[] addresses, CancellationToken cancellationToken)
    {
        if (IsTrusted(host, port) || addresses.All(address => AddressReach.Of(address) == Reach.Open))
        {
            return addresses;
        }

        var upstream = await UpstreamReachesAsync(cancellationToken);
        var allowed = Array.FindAll(addresses, address => IsAllowed(AddressReach.Of(address), upstream));
        return allowed.Length > 0 ? allowed : throw Refused(host, addresses.MaxBy(AddressReach.Of));
    }

    /// <summary>Through a proxy only an address that is written out can be judged: names are the proxy's to resolve.</summary>
    /// <exception cref="UpstreamException">It may not be asked for.</exception>
    public void CheckProxied(Uri target)
    {
        if (!IsTrusted(target.IdnHost, target.Port) && !IsAllowed(Written(target.IdnHost), [Written(rule.Upstream.IdnHost)]))
        {
            throw Refused(target.IdnHost, null);
        }
    }

    private static Reach Written(string host)
    {
        var name = host.TrimEnd('.');
        if (IPAddress.TryParse(name, out var address))
        {
            return AddressReach.Of(address);
        }

        var isLocal = name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);
        return isLocal ? Reach.Loopback : MetadataNames.Contains(name, StringComparer.OrdinalIgnoreCase) ? Reach.LinkLocal : Reach.Open;
    }

    /// <param name="upstream">Of all addresses of the upstream; none where it has no address now.</param>
    private bool IsAllowed(Reach target, Reach[] upstream) => target switch
    {
        Reach.Open => true,
        Reach.Private => rule.PrivateRedirects || upstream is not [] && !upstream.Contains(Reach.Open),
        _ => upstream is not [] && upstream.All(reach => reach == target),
    };

    private bool IsTrusted(string host, int port) => trusted.Contains((host.ToLowerInvariant(), port));

    private async ValueTask<Reach[]> UpstreamReachesAsync(CancellationToken cancellationToken)
    {
        try
        {
            return [.. (await resolve(rule.Upstream.IdnHost, cancellationToken)).Select(AddressReach.Of)];
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private UpstreamException Refused(string host, IPAddress? address)
    {
        var reach = address is null ? Written(host) : AddressReach.Of(address);
        var (what, remedy) = reach switch
        {
            Reach.Loopback => ("an address of this machine", "only an upstream that is on it may lead there"),
            Reach.LinkLocal => ("a link-local or metadata address", "only an upstream that is there itself may lead there"),
            _ => ("a private address", $"set privateRedirects in rule {rule.Prefix} if it may"),
        };
        return new(UpstreamOutcome.BadAnswer, $"{rule.UpstreamName} leads to {what}; {remedy}")
        {
            Detail = $"{host}{(address is null ? "" : $" ({address})")}",
        };
    }
}
