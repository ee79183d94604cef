using System.Collections.Immutable;

namespace Millpond.Cli.Mirrors;

/// <summary>An upstream whose pulls go to the cache first.</summary>
/// <param name="Host">As references name it (<c>docker.io</c>).</param>
/// <param name="Url">Where its API is (<c>https://registry-1.docker.io</c>).</param>
/// <param name="Prefix">The rule's; null for ROOT, which has none.</param>
/// <param name="RepositoryPrefix">The rule's <c>upstreamRepositoryPrefix</c>.</param>
internal sealed record MirroredUpstream(string Host, Uri Url, string? Prefix, string? RepositoryPrefix);

/// <param name="Server">The cache.</param>
/// <param name="Upstreams">What is pulled through it.</param>
/// <param name="FallBack">Whether the upstream itself is asked when the cache does not answer.</param>
/// <param name="ByPrefix">Whether containerd puts the rule's prefix into the path, beside the <c>?ns=</c> it always sends.</param>
/// <param name="Ca">A CA's certificate in a file, for the cache's own.</param>
/// <param name="SkipVerify">Whether the cache's certificate is not looked at.</param>
internal sealed record MirrorSettings(
    Uri Server, ImmutableArray<MirroredUpstream> Upstreams, bool FallBack, bool ByPrefix, string? Ca, bool SkipVerify)
{
    /// <summary>The cache as scheme, host and port, without a slash at the end.</summary>
    public string Origin => Server.GetLeftPart(UriPartial.Authority);

    /// <summary>The first lines of files that may have comments.</summary>
    public const string Header = "# Written by 'millpond mirror'; 'millpond mirror … --remove' puts back what was here before.\n";

    /// <summary>A string as TOML and JSON both have it.</summary>
    public static string Quote(string text) =>
        "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
