namespace Millpond.Cli.Mirrors;

/// <summary>A kind cluster's configuration that mounts a <c>certs.d</c> into its node.</summary>
internal static class KindCluster
{
    /// <param name="hostsFolder">The folder of containerd's files, as kind is to mount it.</param>
    public static string Write(string hostsFolder) =>
        MirrorSettings.Header
        + $"""
        kind: Cluster
        apiVersion: kind.x-k8s.io/v1alpha4
        # Images of kind before 0.27 do not read certs.d by themselves; to later ones this changes nothing.
        containerdConfigPatches:
          - |-
            [plugins."io.containerd.grpc.v1.cri".registry]
              config_path = "/etc/containerd/certs.d"
        nodes:
          - role: control-plane
            extraMounts:
              - hostPath: {MirrorSettings.Quote(hostsFolder)}
                containerPath: /etc/containerd/certs.d
                readOnly: true

        """;
}
