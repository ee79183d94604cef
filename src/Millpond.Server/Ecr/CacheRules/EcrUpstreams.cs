using Millpond.Server.Ecr.Protocol;

namespace Millpond.Server.Ecr.CacheRules;

/// <summary>The upstreams that ECR knows by name, with its rules for them; any other host is an extension of ours.</summary>
internal static class EcrUpstreams
{
    private static readonly (string Name, string Host, bool NeedsCredential)[] Known =
    [
        ("ecr-public", "public.ecr.aws", false), ("k8s", "registry.k8s.io", false), ("quay", "quay.io", false), ("docker-hub", "registry-1.docker.io", true),
        ("github-container-registry", "ghcr.io", true), ("gitlab-container-registry", "registry.gitlab.com", true), ("chainguard", "cgr.dev", true),
    ];

    public static string[] Names { get; } =
        ["ecr", "ecr-public", "quay", "k8s", "docker-hub", "github-container-registry", "azure-container-registry", "gitlab-container-registry", "chainguard"];

    /// <summary>ECR's name for a URL; null for a host that it does not know.</summary>
    public static string? NameOf(string url) => Known.FirstOrDefault(known => known.Host == url).Name
        ?? (url.EndsWith(".azurecr.io", StringComparison.Ordinal) ? "azure-container-registry"
            : url.Contains(".dkr.ecr.", StringComparison.Ordinal) && url.EndsWith(".amazonaws.com", StringComparison.Ordinal) ? "ecr"
            : null);

    /// <summary>Whether a URL is one of the registries that ECR has by their one host, which is nobody's to choose.</summary>
    public static bool IsKnown(string url) => Known.Any(known => known.Host == url);

    public static bool NeedsCredential(string? name) => name == "azure-container-registry" || Known.Any(known => known.Name == name && known.NeedsCredential);

    public static AwsErrorException Invalid(string url) => new(
        "UnsupportedUpstreamRegistryException", $"The upstream registry URL {url} is invalid. Specify a valid upstream registry URL and try again");
}
