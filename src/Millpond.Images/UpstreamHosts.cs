using System.Buffers;

namespace Millpond.Images;

/// <summary>Which host names mean the same registry. Hosts are compared without regard to case (RFC 3986); a port is part of the name.</summary>
public static class UpstreamHosts
{
    /// <summary>Docker Hub as users write it; its API answers at <c>registry-1.docker.io</c>.</summary>
    public const string DockerHub = "docker.io";

    private static readonly SearchValues<char> InBrackets = SearchValues.Create("0123456789abcdefABCDEF:");

    /// <summary>Whether the host is one of Docker Hub's names.</summary>
    public static bool IsDockerHub(ReadOnlySpan<char> host) =>
        host.Equals(DockerHub, StringComparison.OrdinalIgnoreCase)
        || host.Equals("index.docker.io", StringComparison.OrdinalIgnoreCase)
        || host.Equals("registry-1.docker.io", StringComparison.OrdinalIgnoreCase)
        || host.Equals("registry.hub.docker.com", StringComparison.OrdinalIgnoreCase);

    /// <summary>The one spelling of a host: lower case, and <c>docker.io</c> for all of Docker Hub's names.</summary>
    public static string Normalise(string host) => IsDockerHub(host) ? DockerHub : host.ToLowerInvariant();

    /// <summary>Where a registry's API is that users write so.</summary>
    public static Uri ApiOf(string host) => new(IsDockerHub(host) ? "https://registry-1.docker.io" : $"https://{host}");

    /// <summary>Whether both mean the same registry.</summary>
    public static bool AreSame(ReadOnlySpan<char> left, ReadOnlySpan<char> right) =>
        left.Equals(right, StringComparison.OrdinalIgnoreCase) || (IsDockerHub(left) && IsDockerHub(right));

    /// <summary>
    /// Whether the text has a host's shape: a DNS name, an IPv4 address or a bracketed IPv6 address, with an optional port
    /// (<c>domain</c> in distribution/reference's grammar).
    /// </summary>
    public static bool IsWellFormed(ReadOnlySpan<char> host)
    {
        if (host.StartsWith('['))
        {
            var close = host.IndexOf(']');
            return close > 1 && !host[1..close].ContainsAnyExcept(InBrackets) && IsPortOrNothing(host[(close + 1)..]);
        }

        var colon = host.IndexOf(':');
        var name = colon < 0 ? host : host[..colon];
        if (name.IsEmpty || (colon >= 0 && !IsPortOrNothing(host[colon..])))
        {
            return false;
        }

        foreach (var label in name.Split('.'))
        {
            if (!IsLabel(name[label]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsPortOrNothing(ReadOnlySpan<char> text) =>
        text.IsEmpty || (text is [':', _, ..] && !text[1..].ContainsAnyExceptInRange('0', '9'));

    private static bool IsLabel(ReadOnlySpan<char> label)
    {
        if (label.IsEmpty || label[0] == '-' || label[^1] == '-')
        {
            return false;
        }

        foreach (var c in label)
        {
            if (c != '-' && !char.IsAsciiLetterOrDigit(c))
            {
                return false;
            }
        }

        return true;
    }
}
