using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Millpond.Images;

namespace Millpond.Server.Configuration;

/// <summary>A rule that is known by name (DESIGN: names and mapping), and what its credential is.</summary>
public sealed record Preset : RuleNames
{
    [SetsRequiredMembers]
    private Preset(string prefix, string upstreamName, Tier tier, string credential)
        : base(prefix, upstreamName)
    {
        Tier = tier;
        Credential = credential;
    }

    public static ImmutableArray<Preset> All { get; } =
    [
        new("quay", "quay.io", Tier.Default, "none needed"),
        new("k8s", "registry.k8s.io", Tier.Default, "none needed"),
        new("docker-hub", "docker.io", Tier.OptIn, "a Docker Hub account and access token"),
        new("ghcr", "ghcr.io", Tier.OptIn, "a GitHub user and a personal access token with read:packages"),
        new("gitlab", "registry.gitlab.com", Tier.OptIn, "a GitLab user and a personal access token with read_registry"),
    ];

    /// <summary>What it takes to pull from there, in words.</summary>
    public string Credential { get; }
}
