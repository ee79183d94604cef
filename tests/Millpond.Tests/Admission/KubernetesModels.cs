extern alias models;

using models::k8s;

namespace Millpond.Tests.Admission;

/// <summary>Manifests read by Kubernetes' own models, which are made from its API's description: a field or type that is not there fails.</summary>
internal static class KubernetesModels
{
    /// <returns>The kinds, in the order in which they stand.</returns>
    public static string[] Read(string yaml) => [.. KubernetesYaml.LoadAllFromString(yaml, typeMap: null, strict: true).Select(one => ((IKubernetesObject)one).Kind)];
}
