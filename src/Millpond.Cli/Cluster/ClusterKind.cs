using System.Collections.Immutable;

namespace Millpond.Cli.Cluster;

/// <summary>A kind of resource, as the API server lists it.</summary>
/// <param name="Group">Empty for the core group.</param>
internal sealed record ClusterKind(string Group, string Version, string Plural, string Kind, bool IsNamespaced = true)
{
    /// <summary>Pods, and what makes them: a CronJob that has not run yet has no Pod.</summary>
    public static ImmutableArray<ClusterKind> Workloads { get; } =
    [
        new("", "v1", "pods", "Pod"),
        new("apps", "v1", "deployments", "Deployment"),
        new("apps", "v1", "statefulsets", "StatefulSet"),
        new("apps", "v1", "daemonsets", "DaemonSet"),
        new("batch", "v1", "jobs", "Job"),
        new("batch", "v1", "cronjobs", "CronJob"),
    ];

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>As kubectl writes it.</summary>
    public string Name => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public string ListPath(string? inNamespace)
    {
        var root = Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}";
        return inNamespace is null || !IsNamespaced ? $"{root}/{Plural}" : $"{root}/namespaces/{Uri.EscapeDataString(inNamespace)}/{Plural}";
    }
}
