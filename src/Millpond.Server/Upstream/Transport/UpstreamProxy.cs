using System.Net;
using System.Text;
using Millpond.Server.Configuration;

namespace Millpond.Server.Upstream.Transport;

/// <summary>
/// The proxy of one rule, for the registry and for its token and blob hosts: the rule's own, none, or the environment's.
/// The environment is read here because .NET's reading knows neither networks nor bare domains in NO_PROXY, which clusters set.
/// </summary>
internal sealed class UpstreamProxy : IWebProxy
{
    private readonly Uri? forHttp;
    private readonly Uri? forHttps;
    private readonly NoProxyList? exceptions;

    public UpstreamProxy(PullThroughRule rule, Func<string, string?> environment)
    {
        switch (rule.Proxy)
        {
            case null:
                var all = Variable(environment, "all_proxy");
                forHttp = Parse(Variable(environment, "http_proxy") ?? all);
                forHttps = Parse(Variable(environment, "https_proxy") ?? all);
                exceptions = new NoProxyList(Variable(environment, "no_proxy") ?? "");
                break;
            case "none":
                break;
            default:
                forHttp = forHttps = Parse(rule.Proxy)
                    ?? throw new ArgumentException($"Rule {rule.Prefix} has a proxy that is no URL of a scheme known here.", nameof(rule));
                break;
        }

        Credentials = new ProxyCredentials([forHttp, forHttps]);
    }

    /// <inheritdoc/>
    public ICredentials? Credentials { get; set; }

    /// <summary>What the proxies are shown to let us in, as their URLs have it and as it is sent.</summary>
    public IEnumerable<string> Logins()
    {
        foreach (var info in new[] { forHttp, forHttps }.Select(proxy => proxy?.UserInfo).Where(info => !string.IsNullOrEmpty(info)).Distinct())
        {
            var login = Uri.UnescapeDataString(info!);
            yield return login;
            yield return Convert.ToBase64String(Encoding.UTF8.GetBytes(login));
            if (login.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon)
            {
                yield return login[(colon + 1)..];
            }
        }
    }

    /// <inheritdoc/>
    public Uri? GetProxy(Uri destination)
    {
        var proxy = destination.Scheme == Uri.UriSchemeHttps ? forHttps : forHttp;
        return proxy is null || exceptions is not null && exceptions.Covers(destination) ? null : proxy;
    }

    /// <inheritdoc/>
    public bool IsBypassed(Uri host) => GetProxy(host) is null;

    private static string? Variable(Func<string, string?> environment, string name) =>
        environment(name) is { Length: > 0 } lower ? lower : environment(name.ToUpperInvariant()) is { Length: > 0 } upper ? upper : null;

    private static Uri? Parse(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var url = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
        return Uri.TryCreate(url, UriKind.Absolute, out var proxy) && proxy.Scheme is "http" or "https" or "socks4" or "socks4a" or "socks5"
            ? proxy
            : null;
    }

    /// <summary>The user and password of a proxy's URL, for that proxy only.</summary>
    private sealed class ProxyCredentials(IEnumerable<Uri?> proxies) : ICredentials
    {
        public NetworkCredential? GetCredential(Uri uri, string authType)
        {
            var proxy = proxies.FirstOrDefault(proxy => proxy is { UserInfo.Length: > 0 } && proxy.Host == uri.Host && proxy.Port == uri.Port);
            if (proxy is null)
            {
                return null;
            }

            var parts = proxy.UserInfo.Split(':', 2);
            return new NetworkCredential(Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
        }
    }
}
