using Millpond.Server.Configuration;
using Millpond.Server.Configuration.Values;
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
        var uri = Read(rule, rule.Upstream, rule.UpstreamName, realm);
        return IsOrigin(uri, rule.Upstream) || IsKnownPair(uri, rule.Upstream) || IsNamed(rule, uri)
            ? uri
            : throw Refused(rule.UpstreamName, uri, $"it is not the upstream's own; add it to tokenRealms of rule {rule.Prefix} if it may have the credential");
    }

    /// <summary>The same for a registry that the upstream has redirected to: the rule's credential is for a named realm alone.</summary>
    /// <exception cref="UpstreamException">It is not allowed.</exception>
    public static Uri CheckRedirected(PullThroughRule rule, Uri registry, string? realm, out bool mayHaveCredential)
    {
        var who = $"the registry that {rule.UpstreamName} redirects to";
        var uri = Read(rule, registry, who, realm);
        mayHaveCredential = IsNamed(rule, uri);
        return mayHaveCredential || IsOrigin(uri, registry) || IsKnownPair(uri, registry)
            ? uri
            : throw Refused(who, uri, $"it is not that registry's own; add it to tokenRealms of rule {rule.Prefix} if tokens may be asked for there, with the rule's credential");
    }

    private static bool IsNamed(PullThroughRule rule, Uri realm) => rule.TokenRealms.Any(allowed => Matches(realm, allowed));

    private static Uri Read(PullThroughRule rule, Uri registry, string who, string? realm)
    {
        if (realm is null || !Uri.TryCreate(registry, realm, out var uri) || uri.Scheme is not ("http" or "https") || !HostNames.IsValid(uri))
        {
            throw new UpstreamException(UpstreamOutcome.BadAnswer, $"{who} asks for a token and names no realm that is a URL");
        }

        if (uri.Scheme != Uri.UriSchemeHttps && rule.Upstream.Scheme == Uri.UriSchemeHttps)
        {
            throw Refused(who, uri, "it is not https");
        }

        return uri.UserInfo.Length == 0 ? uri : throw Refused(who, uri, "it holds a user name");
    }

    private static UpstreamException Refused(string who, Uri uri, string why) => new(
        UpstreamOutcome.BadAnswer,
        $"{who} asks for a token of a realm that is refused: {why}")
    {
        // Whole: it is redacted before it is cut.
        Detail = $"the realm is {uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)}",
    };

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
