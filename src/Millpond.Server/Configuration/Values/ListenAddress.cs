using System.Net;

namespace Millpond.Server.Configuration.Values;

/// <summary>The grammar of listeners, and what their addresses mean to the checks across keys.</summary>
internal static class ListenAddress
{
    private const string Remedy = "Write an address of this machine, such as http://127.0.0.1:5000, or http://0.0.0.0:5000 for every one";

    /// <summary>Reads <c>http(s)://ADDRESS:PORT</c>; <c>localhost</c> becomes 127.0.0.1.</summary>
    public static Parsed<Uri> Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
        {
            return Parsed<Uri>.Wrong($"{KeyType.Quote(text)} is no http or https URL", Remedy);
        }

        if (url.PathAndQuery != "/" || url.Fragment.Length > 0 || url.UserInfo.Length > 0)
        {
            return Parsed<Uri>.Wrong($"{KeyType.Quote(text)} has more than an address and a port", Remedy);
        }

        if (url.Host == "localhost")
        {
            return new UriBuilder(url) { Host = "127.0.0.1" }.Uri;
        }

        return IPAddress.TryParse(url.DnsSafeHost, out _)
            ? url
            : Parsed<Uri>.Wrong($"{KeyType.Quote(text)} names a host, where an address to listen on is wanted", Remedy);
    }

    public static bool IsLoopback(Uri url) => IPAddress.IsLoopback(Address(url));

    /// <summary>Whether two listeners cannot be open at once. Port 0 is a free port each time.</summary>
    public static bool Collide(Uri one, Uri other) =>
        one.Port == other.Port && one.Port != 0
        && (Address(one).Equals(Address(other)) || IsAny(Address(one)) || IsAny(Address(other)));

    private static IPAddress Address(Uri url) => IPAddress.Parse(url.DnsSafeHost);

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);
}
