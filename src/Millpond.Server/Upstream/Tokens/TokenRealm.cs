using Millpond.Server.Configuration;
using Millpond.Server.Upstream.Transport;

namespace Millpond.Server.Upstream.Tokens;

/// <summary>Whom an upstream may send us to for a token: whoever it is gets our credential.</summary>
internal static class TokenRealm
{
    private static readonly Dictionary<string, string> KnownPairs = new(StringComparer.OrdinalIgnoreCase)
    {
        ["registry-1.docker.io"] = "auth.docker.io",
        ["registry.gitlab.com"] = "gitlab.com",
        ["docker.elastic.co"] = "docker-auth.elastic.co",
    };

    /// <summary>The realm's URL where it is allowed.</summary>
    /// <exception cref="UpstreamException">It is not: nothing may be sent there.</exception>
    public static Uri Check(PullThroughRule rule, string? realm)
    {
        if (realm is null || !Uri.TryCreate(rule.Upstream, realm, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{rule.UpstreamName} asks for a token and names no realm that is a URL");
        }

        if (uri.Scheme != Uri.UriSchemeHttps && rule.Upstream.Scheme == Uri.UriSchemeHttps)
        {
            throw Refused("it is not https");
        }

        if (uri.UserInfo.Length > 0)
        {
            throw Refused("it holds a user name");
        }

        if (IsOrigin(uri, rule.Upstream) || IsKnownPair(uri, rule.Upstream) || rule.TokenRealms.Any(allowed => Matches(uri, allowed)))
        {
            return uri;
        }

        throw Refused($"it is not the upstream's own; add it to tokenRealms of rule {rule.Prefix} if it may have the credential");

        UpstreamException Refused(string why) => new(
            UpstreamOutcome.BadAnswer,
            $"{rule.UpstreamName} asks for a token of the realm {Words.Quote(uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped), 200)}, "
            + $"which is refused: {why}");
    }

    public static bool IsOrigin(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port && one.IdnHost.Equals(other.IdnHost, StringComparison.OrdinalIgnoreCase);

    private static bool IsKnownPair(Uri realm, Uri upstream) =>
        realm is { Scheme: "https", IsDefaultPort: true }
        && upstream is { Scheme: "https", IsDefaultPort: true }
        && KnownPairs.TryGetValue(upstream.IdnHost, out var host)
        && realm.IdnHost.Equals(host, StringComparison.OrdinalIgnoreCase);

    private static bool Matches(Uri realm, Uri allowed) =>
        IsOrigin(realm, allowed) && (allowed.AbsolutePath == "/" || realm.AbsolutePath == allowed.AbsolutePath);
}
