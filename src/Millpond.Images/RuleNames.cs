using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Millpond.Images;

/// <summary>
/// What a rule names: the one shape that pulling, rewriting, mirrors, the admission policy and <c>/-/rules</c> share. A preset is one, and so
/// is a rule of the server; nothing copies its members but <see cref="RuleNamesJson"/>.
/// </summary>
public record RuleNames
{
    /// <summary>The prefix that is none: it matches last, whatever a repository is called (ECR's <c>ROOT</c>).</summary>
    public const string Root = "ROOT";

    public RuleNames()
    {
    }

    /// <summary>Names of a registry whose API is at its own name.</summary>
    [SetsRequiredMembers]
    public RuleNames(string prefix, string upstreamName, string? upstreamRepositoryPrefix = null) =>
        (Prefix, UpstreamName, Upstream, UpstreamRepositoryPrefix) = (prefix, upstreamName, UpstreamHosts.ApiOf(upstreamName), upstreamRepositoryPrefix);

    /// <summary>Whole path components (<c>quay</c>, <c>team-a/harbor</c>), or <see cref="Root"/>.</summary>
    public required string Prefix { get; init; }

    /// <summary>The upstream as users write it in references: <c>docker.io</c>, <c>quay.io</c>, <c>harbor.corp.example:8443</c>.</summary>
    public required string UpstreamName { get; init; }

    /// <summary>Where the upstream's API is: scheme, host and port (<c>https://registry-1.docker.io</c>).</summary>
    public required Uri Upstream { get; init; }

    /// <summary>Prepended to the repository at the upstream (ECR's <c>upstreamRepositoryPrefix</c>); null for none.</summary>
    public string? UpstreamRepositoryPrefix { get; init; }

    /// <summary>Further registries that are pulled by this rule, for the upstream is a cache of theirs: their repositories have the same names here.</summary>
    public ImmutableArray<string> StandsFor { get; init; } = [];

    /// <summary>Host names of this server that mean the rule, without a prefix in the path.</summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    public Tier Tier { get; init; } = Tier.ByRule;

    /// <summary>Globs over the repository at the upstream without <see cref="UpstreamRepositoryPrefix"/>; empty = all.</summary>
    public ImmutableArray<string> Allow { get; init; } = [];

    /// <summary>Globs as <see cref="Allow"/>; what they match is refused even when allowed.</summary>
    public ImmutableArray<string> Deny { get; init; } = [];

    public bool IsRoot => Prefix == Root;

    /// <summary>The registries that references name and that are pulled by this rule, the upstream first, each with where its repositories begin.</summary>
    public IEnumerable<(string Host, string? RepositoryPrefix)> Registries =>
        [(UpstreamName, UpstreamRepositoryPrefix), .. StandsFor.Select(host => (host, (string?)null))];

    /// <summary>Whether names under this rule are Docker Hub's, where a one-part name means <c>library/</c>.</summary>
    internal bool MeansDockerHub =>
        (UpstreamRepositoryPrefix is null && UpstreamHosts.IsDockerHub(UpstreamName)) || StandsFor.Any(host => UpstreamHosts.IsDockerHub(host));

    /// <summary>Whether the registry is pulled by this rule.</summary>
    public bool IsFor(string registry) => Registries.Any(one => UpstreamHosts.AreSame(one.Host, registry));
}

/// <summary>A repository by both of its names, <c>library/</c> filled in where it belongs.</summary>
public readonly record struct NameMatch(RuleNames Rule, RepositoryName Local, RepositoryName Upstream)
{
    /// <summary>
    /// What references call it without the cache: at the upstream, or at the first registry that the rule stands for, because such an upstream
    /// is a cache itself, which references have no need to name.
    /// </summary>
    public (string Registry, RepositoryName Repository) Original =>
        Rule.StandsFor is [var first, ..]
            ? (first, Rule.UpstreamRepositoryPrefix is { } prefix && Upstream.TryRemovePrefix(prefix, out var rest) ? rest : Upstream)
            : (Rule.UpstreamName, Upstream);
}
