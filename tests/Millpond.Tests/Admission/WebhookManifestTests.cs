using System.Text.Json.Nodes;
using Millpond.Server.Admission;
using Millpond.Tests.Architecture;
using Millpond.Tests.Configuration;

namespace Millpond.Tests.Admission;

public sealed class WebhookManifestTests
{
    [Fact]
    public void It_has_the_fields_of_a_MutatingWebhookConfiguration_and_no_others()
    {
        var manifest = YamlDocuments.One(new WebhookManifest { CaBundle = "QUJD" }.ToYaml());

        Assert.Equal(("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"), ((string?)manifest["apiVersion"], (string?)manifest["kind"]));
        Assert.Equal(
            [
                "apiVersion", "kind", "metadata.labels.app.kubernetes.io/name", "metadata.name", "webhooks[].admissionReviewVersions[]", "webhooks[].clientConfig.caBundle",
                "webhooks[].clientConfig.service.name", "webhooks[].clientConfig.service.namespace", "webhooks[].clientConfig.service.path", "webhooks[].clientConfig.service.port",
                "webhooks[].failurePolicy", "webhooks[].matchConditions[].expression", "webhooks[].matchConditions[].name", "webhooks[].matchPolicy", "webhooks[].name", "webhooks[].namespaceSelector.matchExpressions[].key",
                "webhooks[].namespaceSelector.matchExpressions[].operator", "webhooks[].namespaceSelector.matchExpressions[].values[]", "webhooks[].reinvocationPolicy",
                "webhooks[].rules[].apiGroups[]", "webhooks[].rules[].apiVersions[]", "webhooks[].rules[].operations[]", "webhooks[].rules[].resources[]", "webhooks[].rules[].scope",
                "webhooks[].sideEffects", "webhooks[].timeoutSeconds",
            ],
            YamlDocuments.Keys(manifest).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Further_objects_are_asked_about_where_they_are_named()
    {
        var rules = Webhook(new() { Audited = ["apps/deployments", "replicationcontrollers"] })["rules"]!.AsArray();
        Assert.Equal(
            """[{"apiGroups":["apps"],"apiVersions":["*"],"operations":["CREATE","UPDATE"],"resources":["deployments"],"scope":"*"},{"apiGroups":[""],"apiVersions":["*"],"operations":["CREATE","UPDATE"],"resources":["replicationcontrollers"],"scope":"*"}]""",
            new JsonArray([.. rules.Skip(2).Select(rule => rule!.DeepClone())]).ToJsonString());
    }

    [Fact]
    public void It_keeps_no_pod_from_starting_and_sees_what_other_webhooks_add()
    {
        var webhook = Webhook(new());

        Assert.Equal(
            ("Ignore", "IfNeeded", 2L, "None", "Equivalent"),
            ((string?)webhook["failurePolicy"], (string?)webhook["reinvocationPolicy"], (long)webhook["timeoutSeconds"]!, (string?)webhook["sideEffects"], (string?)webhook["matchPolicy"]));
        Assert.Equal(
            """[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"],"scope":"Namespaced"},{"apiGroups":[""],"apiVersions":["v1"],"operations":["UPDATE"],"resources":["pods/ephemeralcontainers"],"scope":"Namespaced"}]""",
            webhook["rules"]!.ToJsonString());
        Assert.Equal("""{"service":{"name":"millpond","namespace":"millpond","path":"/admit","port":443}}""", webhook["clientConfig"]!.ToJsonString());
    }

    [Fact]
    public void Its_own_namespace_is_always_left_alone_and_so_are_namespaces_that_opt_out()
    {
        var webhook = Webhook(new() { Namespace = "cache", ExcludedNamespaces = ["kube-system", "cache", "calico-system"] });

        Assert.Equal(
            """[{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["kube-system","cache","calico-system"]},{"key":"millpond.dev/rewrite","operator":"NotIn","values":["false"]}]""",
            webhook["namespaceSelector"]!["matchExpressions"]!.ToJsonString());
    }

    [Fact]
    public void Pods_that_must_or_want_to_stay_as_they_are_need_no_server_for_it()
    {
        var conditions = Webhook(new())["matchConditions"]!;

        Assert.Equal(["no-mirror-pod", "not-opted-out"], conditions.AsArray().Select(condition => (string?)condition!["name"]));
        Assert.True(JsonNode.DeepEquals(conditions, YamlDocuments.Read(PolicyManifestTests.Default().ToYaml())[0]["spec"]!["matchConditions"]));
    }

    [Fact]
    public void Namespaces_may_have_to_opt_in() =>
        Assert.Equal("""{"key":"millpond.dev/rewrite","operator":"In","values":["true"]}""", Webhook(new() { IsOptIn = true })["namespaceSelector"]!["matchExpressions"]![1]!.ToJsonString());

    [Fact]
    public void A_server_outside_of_the_cluster_is_asked_by_URL() =>
        Assert.Equal("""{"url":"https://millpond.corp.example:8443/admit","caBundle":"QUJD"}""", Webhook(new() { Url = new("https://millpond.corp.example:8443"), CaBundle = "QUJD" })["clientConfig"]!.ToJsonString());

    [Theory]
    [InlineData("webhook.yaml")]
    [InlineData("policy.yaml")]
    public void The_plain_manifests_are_what_is_printed(string name)
    {
        var path = Path.Join(SourceTree.Top, "deploy/admission", name);
        var expected = name == "webhook.yaml" ? new WebhookManifest().ToYaml() : PolicyManifestTests.Default().ToYaml();
        if (Environment.GetEnvironmentVariable("MILLPOND_UPDATE_DOCS") == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.Equal(expected, File.ReadAllText(path));
    }

    [Fact]
    public void The_plain_server_has_a_configuration_that_it_takes_and_the_service_that_the_webhook_names()
    {
        var objects = YamlDocuments.Read(File.ReadAllText(Path.Join(SourceTree.Top, "deploy/admission/server.yaml")));
        using var file = new ConfigurationFile((string)objects.Single(one => (string?)one["kind"] == "ConfigMap")["data"]!["millpond.yaml"]!);
        var result = file.Read();
        var service = objects.Single(one => (string?)one["kind"] == "Service");

        Assert.True(result.Configuration is { Admission.IsOn: true }, result.Describe());
        Assert.Equal(["millpond.millpond.svc"], result.Configuration!.Admission.Hosts);
        Assert.Equal(("millpond", "millpond"), ((string?)service["metadata"]!["name"], (string?)service["metadata"]!["namespace"]));
        Assert.Contains("""{"name":"admission","port":443,"targetPort":"admission"}""", service["spec"]!["ports"]!.AsArray().Select(port => port!.ToJsonString()));
    }

    private static JsonNode Webhook(WebhookManifest manifest) => Assert.Single(YamlDocuments.One(manifest.ToYaml())["webhooks"]!.AsArray())!;
}
