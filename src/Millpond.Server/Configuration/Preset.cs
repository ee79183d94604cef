using System.Collections.Immutable;

namespace Millpond.Server.Configuration;

/// <summary>A rule that is known by name (DESIGN: names and mapping): prefix, upstream as users write it, its real host, tier, and what its credential is.</summary>
public sealed record Preset(string Prefix, string UpstreamName, Uri Upstream, Tier Tier, string Credential)
{
    public static ImmutableArray<Preset> All { get; } =
    [
        new("quay", "quay.io", new("https://quay.io"), Tier.Default, "none needed"),
        new("k8s", "registry.k8s.io", new("https://registry.k8s.io"), Tier.Default, "none needed"),
        new("docker-hub", "docker.io", new("https://registry-1.docker.io"), Tier.OptIn, "a Docker Hub account and access token"),
        new("ghcr", "ghcr.io", new("https://ghcr.io"), Tier.OptIn, "a GitHub user and a personal access token with read:packages"),
        new("gitlab", "registry.gitlab.com", new("https://registry.gitlab.com"), Tier.OptIn, "a GitLab user and a personal access token with read_registry"),
    ];
}
