using System.Collections.Immutable;
using System.Globalization;
using Millpond.Server.Configuration;

namespace Millpond.Server.Admission;

/// <summary>
/// The webhook configuration as a cluster's administrator applies it: it never keeps a pod from starting, is asked again after other
/// webhooks, and leaves the namespaces alone without which nothing else would run.
/// </summary>
public sealed record WebhookManifest
{
    /// <summary>On a namespace: <c>"false"</c> leaves its pods alone; where namespaces opt in, <c>"true"</c> wants them reviewed.</summary>
    public const string NamespaceLabel = PodReview.RewriteAnnotation;

    public string Name { get; init; } = "millpond";

    public string Service { get; init; } = "millpond";

    /// <summary>The server's own namespace, whose pods must start without it.</summary>
    public string Namespace { get; init; } = "millpond";

    public int Port { get; init; } = 443;

    /// <summary>Where the server is outside of the cluster; then there is no service.</summary>
    public Uri? Url { get; init; }

    /// <summary>The authority of the server's certificate, PEM in base64; null where the API server's system knows it.</summary>
    public string? CaBundle { get; init; }

    public ImmutableArray<string> ExcludedNamespaces { get; init; } = AdmissionConfiguration.UsuallyExcluded;

    /// <summary>Whether only labelled namespaces are reviewed.</summary>
    public bool IsOptIn { get; init; }

    /// <summary>Further resources that are looked at for the audit log and never changed, as <c>group/resource</c>: <c>apps/deployments</c>.</summary>
    public ImmutableArray<string> Audited { get; init; } = [];

    public string ToYaml() => $$"""
        # Applied once the server answers reviews. With it gone, pods start exactly as they are written:
        #   kubectl delete mutatingwebhookconfiguration {{Name}}
        apiVersion: admissionregistration.k8s.io/v1
        kind: MutatingWebhookConfiguration
        metadata:
          name: {{Name}}
          labels:
            app.kubernetes.io/name: millpond
        webhooks:
        - name: images.millpond.dev
          admissionReviewVersions: [v1]
          clientConfig:
        {{Client()}}
          rules:
          - apiGroups: [""]
            apiVersions: [v1]
            operations: [CREATE]
            resources: [pods]
            scope: Namespaced
          - apiGroups: [""]
            apiVersions: [v1]
            operations: [UPDATE]
            resources: [pods/ephemeralcontainers]
            scope: Namespaced
        {{AuditedRules()}}{{NamespaceSelector("  ")}}
        {{PolicyExpressions.MatchConditions}}
          # A server that is down, slow or wrong lets every pod start as it is written.
          failurePolicy: Ignore
          timeoutSeconds: 2
          # Sidecars that other webhooks add are seen as well.
          reinvocationPolicy: IfNeeded
          matchPolicy: Equivalent
          sideEffects: None

        """;

    /// <summary>The namespaces that are reviewed.</summary>
    internal string NamespaceSelector(string indent)
    {
        string[] excluded = [.. ExcludedNamespaces.Append(Namespace).Distinct(StringComparer.Ordinal)];
        string[] lines =
        [
            "namespaceSelector:",
            "  matchExpressions:",
            "  - key: kubernetes.io/metadata.name",
            "    operator: NotIn",
            $"    values: [{string.Join(", ", excluded)}]",
            $"  - key: {NamespaceLabel}",
            $"    operator: {(IsOptIn ? "In" : "NotIn")}",
            $"    values: [\"{(IsOptIn ? "true" : "false")}\"]",
        ];
        return string.Join('\n', lines.Select(line => indent + line));
    }

    private string AuditedRules() => string.Concat(Audited.Select(static resource =>
    {
        var slash = resource.LastIndexOf('/');
        var (group, name) = slash < 0 ? ("", resource) : (resource[..slash], resource[(slash + 1)..]);
        return $"""
              # Looked at for the audit log, never changed.
              - apiGroups: ["{group}"]
                apiVersions: ["*"]
                operations: [CREATE, UPDATE]
                resources: [{name}]
                scope: "*"

            """;
    }));

    private string Client()
    {
        string[] place = Url is null
            ? ["service:", $"  name: {Service}", $"  namespace: {Namespace}", $"  path: {AdmissionEndpoint.Path}", string.Create(CultureInfo.InvariantCulture, $"  port: {Port}")]
            : [$"url: {new Uri(Url, AdmissionEndpoint.Path)}"];
        return string.Join('\n', (CaBundle is null ? place : [.. place, $"caBundle: {CaBundle}"]).Select(line => "    " + line));
    }
}
