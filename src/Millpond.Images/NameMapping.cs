namespace Millpond.Images;

/// <summary>One line of the map between names here and names upstream.</summary>
/// <param name="Prefix">Whole path components (<c>quay</c>, <c>team-a/harbor</c>), or <see cref="Root"/>.</param>
/// <param name="Upstream">The upstream's host as users write it (<c>docker.io</c>, <c>harbor.corp.example:8443</c>).</param>
/// <param name="UpstreamRepositoryPrefix">Prepended to the repository at the upstream; null for none.</param>
public sealed record NameMapping(string Prefix, string Upstream, string? UpstreamRepositoryPrefix)
{
    /// <summary>The prefix that is none: it matches last, whatever a repository is called.</summary>
    public const string Root = "ROOT";

    public bool IsRoot => Prefix == Root;
}

/// <summary>A repository by both of its names, <c>library/</c> filled in where it belongs.</summary>
public readonly record struct NameMatch(NameMapping Mapping, RepositoryName Local, RepositoryName Upstream);
