using System.Buffers;

namespace Millpond.Server.Upstream.Transport;

/// <summary>Where a <c>Location</c> leads, and whether one may go there at all.</summary>
internal static class RedirectTarget
{
    // A signature may be over the very characters, so that a URL made of these alone is sent as it came.
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

        if (from.Scheme == Uri.UriSchemeHttps && target.Scheme != Uri.UriSchemeHttps)
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} redirects from https to http ({target.IdnHost}), which is refused");
        }

        return target;
    }

    private static bool TryCreate(Uri from, string location, out Uri target)
    {
        var verbatim = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var isAbsolute = location.StartsWith("https://", StringComparison.OrdinalIgnoreCase)
            || location.StartsWith("http://", StringComparison.OrdinalIgnoreCase);
        if (isAbsolute && !location.AsSpan().ContainsAnyExcept(Plain) && Uri.TryCreate(location, verbatim, out var exact))
        {
            target = exact;
            return true;
        }

        var made = Uri.TryCreate(from, location, out var resolved);
        target = resolved ?? from;
        return made;
    }
}
