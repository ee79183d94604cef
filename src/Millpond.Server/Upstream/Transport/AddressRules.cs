using System.Net;
using System.Net.Sockets;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// Where a redirect or a token realm may lead: not to loopback, link-local or private addresses, unless the upstream itself is there or
/// the rule says so. Judged on the addresses a connection is about to be made to, so that a name cannot change its meaning in between.
/// </summary>
internal sealed class AddressRules(
    PullThroughRule rule, IEnumerable<Uri> trusted, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    private static readonly IPNetwork[] PrivateNetworks =
    [
        .. ((string[])
        [
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/127", "100::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
        ]).Select(IPNetwork.Parse),
    ];

    // Networks whose addresses carry an IPv4 address, with the byte it begins at.
    private static readonly (IPNetwork Network, int Offset)[] Carriers =
    [
        (IPNetwork.Parse("::/96"), 12), (IPNetwork.Parse("64:ff9b::/96"), 12), (IPNetwork.Parse("64:ff9b:1::/48"), 12), (IPNetwork.Parse("2002::/16"), 2),
    ];

    private readonly HashSet<(string Host, int Port)> trusted = [.. trusted.Select(uri => (uri.IdnHost.ToLowerInvariant(), uri.Port))];

    /// <summary>Whether an address is loopback, link-local, private, or otherwise not one of the open Internet.</summary>
    public static bool IsPrivate(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return IsPrivate(address.MapToIPv4());
        }

        if (PrivateNetworks.Any(network => network.Contains(address)))
        {
            return true;
        }

        foreach (var (network, offset) in Carriers)
        {
            if (network.Contains(address))
            {
                return IsPrivate(new IPAddress(address.GetAddressBytes().AsSpan(offset, 4)));
            }
        }

        return false;
    }

    /// <summary>Of a host's addresses those that may be connected to.</summary>
    /// <exception cref="UpstreamException">None may.</exception>
    public async ValueTask<IPAddress[]> PermitAsync(string host, int port, IPAddress[] addresses, CancellationToken cancellationToken)
    {
        if (rule.PrivateRedirects || IsTrusted(host, port) || !addresses.Any(IsPrivate) || await IsUpstreamPrivateAsync(cancellationToken))
        {
            return addresses;
        }

        var open = Array.FindAll(addresses, address => !IsPrivate(address));
        return open.Length > 0 ? open : throw Refused(host, Array.Find(addresses, IsPrivate));
    }

    /// <summary>Through a proxy only an address that is written out can be judged: names are the proxy's to resolve.</summary>
    /// <exception cref="UpstreamException">It may not be asked for.</exception>
    public void CheckProxied(Uri target)
    {
        if (!rule.PrivateRedirects
            && !IsTrusted(target.IdnHost, target.Port)
            && IsWrittenPrivate(target.IdnHost)
            && !IsWrittenPrivate(rule.Upstream.IdnHost))
        {
            throw Refused(target.IdnHost, null);
        }
    }

    private static bool IsWrittenPrivate(string host)
    {
        var name = host.TrimEnd('.');
        return IPAddress.TryParse(name, out var address)
            ? IsPrivate(address)
            : name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase);
    }

    private bool IsTrusted(string host, int port) => trusted.Contains((host.ToLowerInvariant(), port));

    private async ValueTask<bool> IsUpstreamPrivateAsync(CancellationToken cancellationToken)
    {
        try
        {
            var addresses = await resolve(rule.Upstream.IdnHost, cancellationToken);
            return addresses.Length > 0 && addresses.All(IsPrivate);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private UpstreamException Refused(string host, IPAddress? address) => new(
        UpstreamOutcome.BadAnswer,
        $"{rule.UpstreamName} leads to {host}{(address is null ? "" : $" ({address})")}, a private address; "
        + $"set privateRedirects in rule {rule.Prefix} if it may");
}
