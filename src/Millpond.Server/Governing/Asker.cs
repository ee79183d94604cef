using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Millpond.Server.Governing;

/// <summary>Why an upstream is asked, and for whom.</summary>
/// <param name="Client">Whose share of the slots it counts for, an opaque name; null for the cache's own work, which has a share of its own.</param>
public readonly record struct Asker(RequestReason Reason, string? Client = null)
{
    public static implicit operator Asker(RequestReason reason) => new(reason);

    /// <summary>
    /// A client's name by its address. Of IPv6 the network: one machine has all addresses of a /64, and would have as many shares.
    /// </summary>
    public static string? ClientAt(IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true })
        {
            address = address.MapToIPv4();
        }

        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 })
        {
            return address?.ToString();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes).ToString("x16", CultureInfo.InvariantCulture);
    }
}
