using Millpond.Images;

namespace Millpond.Server.Configuration.Values;

/// <summary>An upstream as configured.</summary>
/// <param name="Name">As users write it in references: <c>docker.io</c>, <c>harbor.corp.example:8443</c>.</param>
/// <param name="Url">Where its API is: Docker Hub's is at another host than its name.</param>
internal sealed record UpstreamAddress(string Name, Uri Url)
{
    /// <summary>Reads <c>gcr.io</c>, <c>harbor.corp.example:8443</c> (both https) or a URL without a path.</summary>
    public static Parsed<UpstreamAddress> Parse(string text)
    {
        var spelled = text.Contains("://", StringComparison.Ordinal) ? text : $"https://{text}";
        if (!Uri.TryCreate(spelled, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || !HostNames.IsValid(url))
        {
            return Parsed<UpstreamAddress>.Wrong($"{KeyType.Quote(text)} is no registry's host or URL");
        }

        if (url.UserInfo.Length > 0)
        {
            return Parsed<UpstreamAddress>.Wrong("the URL holds a user name or password", "Leave it out and use 'credential'");
        }

        if (url.PathAndQuery != "/" || url.Fragment.Length > 0)
        {
            return Parsed<UpstreamAddress>.Wrong(
                $"{KeyType.Quote(text)} has more than a host", $"Write {url.Authority}, and a path of repositories in 'upstreamRepositoryPrefix'");
        }

        if (url is { IsDefaultPort: true, Scheme: "https" } && UpstreamHosts.IsDockerHub(url.Host))
        {
            return new UpstreamAddress(UpstreamHosts.DockerHub, new Uri("https://registry-1.docker.io"));
        }

        return new UpstreamAddress(url.Authority, new Uri($"{url.Scheme}://{url.Authority}"));
    }
}
