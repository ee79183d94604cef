using System.Net;

namespace Millpond.Server.Upstream.Transport;

/// <summary>From where an address is reached.</summary>
internal enum Reach
{
    /// <summary>The open Internet.</summary>
    Open,

    /// <summary>A private network, or what is no unicast address at all.</summary>
    Private,

    /// <summary>One link, and what stands for it: the metadata services of clouds, which give a machine's credentials to whoever asks from it.</summary>
    LinkLocal,

    /// <summary>This machine.</summary>
    Loopback,
}

/// <summary>Says from where an address is reached. One that carries an IPv4 address reaches no less near than that.</summary>
internal static class AddressReach
{
    // A socket that is connected to 0.0.0.0 or :: is connected to this machine.
    private static readonly (Reach Reach, IPNetwork[] Networks)[] Near =
    [
        (Reach.Loopback, Parse("127.0.0.0/8", "0.0.0.0/8", "::/127")),
        (Reach.LinkLocal, Parse(["169.254.0.0/16", "fe80::/10", .. Metadata])),
        (Reach.Private, Parse(
            "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
            "100::/64", "fc00::/7", "fec0::/10", "ff00::/8")),
    ];

    private static readonly IPNetwork Nothing = IPNetwork.Parse("0.0.0.0/8");

    /// <summary>
    /// Networks whose addresses carry an IPv4 address in their last four bytes: IPv4-compatible, IPv4-mapped and IPv4-translated ones
    /// (RFC 4291, RFC 2765), and those of NAT64's well-known prefix (RFC 6052).
    /// </summary>
    private static readonly IPNetwork[] Endings = Parse("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96");

    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");
    private static readonly IPNetwork Teredo = IPNetwork.Parse("2001::/32");

    /// <summary>Of which each network makes prefixes of its own, of 48, 56, 64 or 96 bits (RFC 8215).</summary>
    private static readonly IPNetwork LocalNat64 = IPNetwork.Parse("64:ff9b:1::/48");

    /// <summary>The metadata services beside 169.254.169.254 and its like: Alibaba, Azure, Oracle, AWS, Google.</summary>
    private static string[] Metadata => ["100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::254/128"];

    public static Reach Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return Of(address.MapToIPv4());
        }

        foreach (var (reach, networks) in Near)
        {
            if (networks.Any(network => network.Contains(address)))
            {
                return reach;
            }
        }

        return Carried(address, address.GetAddressBytes());
    }

    private static Reach Carried(IPAddress address, byte[] bytes)
    {
        if (bytes.Length == 4)
        {
            return Reach.Open;
        }

        if (Endings.Any(network => network.Contains(address)) || IsIsatap(bytes))
        {
            return Of(new IPAddress(bytes.AsSpan(12)));
        }

        if (SixToFour.Contains(address))
        {
            return Of(new IPAddress(bytes.AsSpan(2, 4)));
        }

        if (Teredo.Contains(address))
        {
            // RFC 4380 §4: the relay as it is, the peer with every bit turned.
            byte[] peer = [.. bytes.AsSpan(12).ToArray().Select(one => (byte)~one)];
            return Nearest([new IPAddress(bytes.AsSpan(4, 4)), new IPAddress(peer)]);
        }

        return LocalNat64.Contains(address) ? OfLocalNat64(bytes) : Reach.Open;
    }

    /// <summary>
    /// RFC 6052 §2.2. Which layout a network uses cannot be seen, and a translator reads past the other bits: so what any of them would
    /// lead to counts. One that reads an address of 0.0.0.0/8, which no translator sends to, is not the one in use.
    /// </summary>
    private static Reach OfLocalNat64(byte[] bytes)
    {
        byte[][] layouts = [[bytes[6], bytes[7], bytes[9], bytes[10]], [bytes[7], .. bytes[9..12]], bytes[9..13], bytes[12..]];
        var read = layouts.Select(layout => new IPAddress(layout)).Where(address => !Nothing.Contains(address)).ToArray();
        return read.Length == 0 ? Reach.Private : Nearest(read);
    }

    /// <summary>RFC 5214 §6.1: an interface of any network that says which IPv4 address it is tunnelled to.</summary>
    private static bool IsIsatap(byte[] bytes) => bytes[8] is 0 or 2 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;

    private static Reach Nearest(IPAddress[] addresses) => addresses.Select(Of).Max();

    private static IPNetwork[] Parse(params string[] networks) => [.. networks.Select(IPNetwork.Parse)];
}
