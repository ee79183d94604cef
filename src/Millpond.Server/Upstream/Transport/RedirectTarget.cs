using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Millpond.Server.Configuration.Values;

namespace Millpond.Server.Upstream.Transport;

/// <summary>Where a <c>Location</c> leads, and whether one may go there at all.</summary>
internal static class RedirectTarget
{
    // A signature may be over the very characters, so that these are sent as they came.
    private static readonly SearchValues<char> Plain = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?@!$&'()*+,;=%[]");

    /// <summary>The absolute target of a redirect from a URL.</summary>
    /// <exception cref="UpstreamException">It leads nowhere, to another scheme, or from https to http.</exception>
    public static Uri Resolve(Uri from, string? location, string who)
    {
        if (string.IsNullOrEmpty(location) || !TryCreate(from, location, out var target))
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} redirects without saying where to");
        }

        if (target.Scheme != Uri.UriSchemeHttps && target.Scheme != Uri.UriSchemeHttp)
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} redirects to something other than http or https");
        }

        if (!HostNames.IsValid(target))
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} redirects to a host whose name is none");
        }

        if (from.Scheme == Uri.UriSchemeHttps && target.Scheme != Uri.UriSchemeHttps)
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} redirects from https to http, which is refused") { Detail = target.IdnHost };
        }

        return target;
    }

    private static bool TryCreate(Uri from, string location, [NotNullWhen(true)] out Uri? target)
    {
        var verbatim = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        target = null;
        return Absolute(from, Escaped(location.Split('#')[0])) is { } text
            && Uri.TryCreate(text, verbatim, out target)
            && (target.Host.Length > 0 || target.Scheme is not ("http" or "https"));
    }

    /// <summary>
    /// The whole URL of a <c>Location</c> (RFC 3986 §5.2), put together from the texts: a <see cref="Uri"/> that resolves it would write what
    /// is signed anew, <c>%7E</c> as <c>~</c> for one.
    /// </summary>
    private static string? Absolute(Uri from, string location)
    {
        var authority = from.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);
        var path = from.AbsolutePath;
        return location switch
        {
            "" => null,
            ['/', '/', ..] => WithPath($"{from.Scheme}:{location}"),
            ['/', ..] => authority + location,
            ['?', ..] => authority + path + location,
            _ when HasScheme(location) => WithPath(location),
            _ => authority + WithoutDots(path[..(path.LastIndexOf('/') + 1)] + location),
        };
    }

    /// <summary>A URL that ends with its host, or goes on with a query at once, has the path of the root.</summary>
    private static string WithPath(string url)
    {
        var host = url.IndexOf("//", StringComparison.Ordinal) + "//".Length;
        var end = url.AsSpan(host).IndexOfAny('/', '?');
        return host < "//".Length || (end >= 0 && url[host + end] == '/') ? url : url.Insert(end < 0 ? url.Length : host + end, "/");
    }

    private static bool HasScheme(string location)
    {
        var colon = location.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && char.IsAsciiLetter(location[0]) && location.AsSpan(0, colon).IndexOfAny('/', '?') < 0;
    }

    private static string WithoutDots(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        var kept = new List<string>();
        var segments = path.Split('/')[1..];
        foreach (var segment in segments)
        {
            if (segment is ".." && kept.Count > 0)
            {
                kept.RemoveAt(kept.Count - 1);
            }
            else if (segment is not ("." or ".."))
            {
                kept.Add(segment);
            }
        }

        var end = segments[^1] is "." or ".." ? "/" : "";
        return string.Concat("/", string.Join('/', kept), end, query < 0 ? "" : target[query..]);
    }

    /// <summary>What no URL may hold as it is, byte by byte as the header had it; all else stays as it came.</summary>
    private static string Escaped(string location) => location.AsSpan().ContainsAnyExcept(Plain)
        ? string.Concat(location.Select(c => Plain.Contains(c) ? c.ToString() : string.Concat(Encoding.Latin1.GetBytes([c]).Select(octet => $"%{octet:X2}"))))
        : location;
}
