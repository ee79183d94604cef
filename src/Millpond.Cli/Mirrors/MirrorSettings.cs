using System.Collections.Immutable;
using Millpond.Images;

namespace Millpond.Cli.Mirrors;

/// <summary>A registry whose pulls go to the cache first, by the rule that is for it.</summary>
/// <param name="Host">As references name it (<c>docker.io</c>): the rule's upstream, or a registry that the rule stands for.</param>
/// <param name="RepositoryPrefix">Where the repositories begin there that the rule is for; null for all.</param>
internal sealed record MirroredUpstream(string Host, string? RepositoryPrefix, RuleNames Rule)
{
    /// <summary>The rule's prefix; null for ROOT, which has none.</summary>
    public string? Prefix => Rule.IsRoot ? null : Rule.Prefix;

    /// <summary>Where its API is (<c>https://registry-1.docker.io</c>).</summary>
    public Uri Url => UpstreamHosts.AreSame(Host, Rule.UpstreamName) ? Rule.Upstream : UpstreamHosts.ApiOf(Host);

    public static IEnumerable<MirroredUpstream> Of(RuleNames rule) => rule.Registries.Select(one => new MirroredUpstream(one.Host, one.RepositoryPrefix, rule));
}

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
