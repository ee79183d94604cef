using System.Buffers;

namespace Millpond.Images;

/// <summary>Which registries are this machine's or a private network's by the look of their name.</summary>
internal static class LocalHosts
{
    private static readonly SearchValues<char> Address = SearchValues.Create("0123456789.");

    private static readonly string[] PrivateSuffixes = [".localhost", ".local", ".internal", ".svc"];

    /// <summary>Whether the host is localhost, an IP address, one bare label with a port, or under a suffix that is never public.</summary>
    public static bool IsLocal(ReadOnlySpan<char> host)
    {
        if (host.StartsWith('['))
        {
            return true;
        }

        var colon = host.IndexOf(':');
        var name = colon < 0 ? host : host[..colon];
        if (name.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (colon >= 0 && !name.Contains('.')) || !name.ContainsAnyExcept(Address))
        {
            return true;
        }

        foreach (var suffix in PrivateSuffixes)
        {
            if (name.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
