using System.Globalization;
using System.Net;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// <c>NO_PROXY</c> as curl and Go read it: names stand for themselves and what is below them, a leading dot or <c>*.</c> changes nothing,
/// networks are for hosts written as addresses, <c>host:port</c> is for that port, <c>*</c> is for all. Loopback is never proxied.
/// </summary>
internal sealed class NoProxyList
{
    private readonly bool everything;
    private readonly List<IPNetwork> networks = [];
    private readonly List<(string Name, int? Port)> names = [];

    public NoProxyList(string list)
    {
        foreach (var entry in list.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (entry == "*")
            {
                everything = true;
            }
            else if (IPNetwork.TryParse(entry, out var network))
            {
                networks.Add(network);
            }
            else
            {
                AddName(entry);
            }
        }
    }

    public bool Covers(Uri destination)
    {
        var host = destination.IdnHost.TrimEnd('.').ToLowerInvariant();
        var address = IPAddress.TryParse(host, out var parsed) ? parsed : null;
        if (everything || host == "localhost" || address is not null && IPAddress.IsLoopback(address))
        {
            return true;
        }

        if (address is not null && networks.Any(network => network.Contains(address)))
        {
            return true;
        }

        return names.Any(entry => (entry.Port is null || entry.Port == destination.Port)
            && (host == entry.Name || address is null && host.EndsWith($".{entry.Name}", StringComparison.Ordinal)));
    }

    private void AddName(string entry)
    {
        var (name, port) = (entry, (int?)null);
        var colon = entry.LastIndexOf(':');
        if (colon >= 0
            && (entry.IndexOf(':') == colon || entry[colon - 1] == ']')
            && int.TryParse(entry.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            (name, port) = (entry[..colon], number);
        }

        name = name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name;
        name = name.Trim('.', '[', ']').ToLowerInvariant();
        if (name.Length > 0)
        {
            names.Add((name, port));
        }
    }
}
