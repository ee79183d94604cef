using System.Collections.Immutable;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Admission;

/// <summary>
/// Reviews without a webhook: a MutatingAdmissionPolicy, which API servers evaluate themselves. From the same rules, in CEL; what CEL has
/// no words for is left alone.
/// </summary>
public sealed record PolicyManifest(RegistryAddress Registry, ImmutableArray<RewriteMapping> Mappings)
{
    public string Name { get; init; } = "millpond";

    /// <summary><c>v1</c> since Kubernetes 1.36, <c>v1beta1</c> in 1.34 and 1.35 where that is switched on.</summary>
    public string ApiVersion { get; init; } = "v1";

    /// <summary>The server's own namespace.</summary>
    public string Namespace { get; init; } = "millpond";

    public ImmutableArray<string> ExcludedNamespaces { get; init; } = AdmissionConfiguration.UsuallyExcluded;

    public bool IsOptIn { get; init; }

    public ImmutableArray<string> OwnImages { get; init; } = [];

    public ImmutableArray<RegistryAddress> OldRegistries { get; init; } = [];

    public string ToYaml()
    {
        var expressions = new PolicyExpressions(this);
        var selector = new WebhookManifest { Namespace = Namespace, ExcludedNamespaces = ExcludedNamespaces, IsOptIn = IsOptIn }.NamespaceSelector("    ");
        return $$"""
            # An alternative to the webhook, for Kubernetes 1.36 and later. Generated, and NOT tested on a cluster: try it in one that nobody needs.
            # It writes no annotation with the originals and no reasons into the audit log. With it gone, pods start as they are written:
            #   kubectl delete mutatingadmissionpolicybinding,mutatingadmissionpolicy {{Name}}
            apiVersion: admissionregistration.k8s.io/{{ApiVersion}}
            kind: MutatingAdmissionPolicy
            metadata:
              name: {{Name}}
              labels:
                app.kubernetes.io/name: millpond
            spec:
              failurePolicy: Ignore
              reinvocationPolicy: IfNeeded
              matchConstraints:
                matchPolicy: Equivalent
            {{selector}}
                resourceRules:
                - apiGroups: [""]
                  apiVersions: [v1]
                  operations: [CREATE]
                  resources: [pods]
                - apiGroups: [""]
                  apiVersions: [v1]
                  operations: [UPDATE]
                  resources: [pods/ephemeralcontainers]
            {{PolicyExpressions.MatchConditions}}
              variables:
            {{Variables(expressions)}}
              mutations:
              - patchType: ApplyConfiguration
                applyConfiguration:
                  expression: >-
            {{Indent(PolicyExpressions.Mutation, "        ")}}
            ---
            apiVersion: admissionregistration.k8s.io/{{ApiVersion}}
            kind: MutatingAdmissionPolicyBinding
            metadata:
              name: {{Name}}
              labels:
                app.kubernetes.io/name: millpond
            spec:
              policyName: {{Name}}

            """;
    }

    private static string Variables(PolicyExpressions expressions) => string.Join('\n', expressions.Variables.Select(variable => $"""
          # {variable.Comment}
          - name: {variable.Name}
            expression: >-
        {Indent(variable.Expression, "      ")}
        """));

    private static string Indent(string text, string by) => string.Join('\n', text.Split('\n').Select(line => by + line));
}
