using Millpond.Server.Admission;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Admission;

/// <summary>What clusters are given, by the models that are made from the description of their API.</summary>
public sealed class KubernetesModelTests
{
    [Theory]
    [InlineData("server.yaml", "Namespace", "ConfigMap", "StatefulSet", "Service")]
    [InlineData("webhook.yaml", "MutatingWebhookConfiguration")]
    [InlineData("policy.yaml", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")]
    public void The_plain_manifests(string name, params string[] kinds) =>
        Assert.Equal(kinds, KubernetesModels.Read(File.ReadAllText(Path.Join(SourceTree.Top, "deploy/admission", name))));

    [Fact]
    public void The_printed_ones_with_all_there_is()
    {
        Assert.Equal(["MutatingWebhookConfiguration"], KubernetesModels.Read(new WebhookManifest { Url = new("https://a.example"), CaBundle = "QUJD", IsOptIn = true }.ToYaml()));
        Assert.Equal(["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], KubernetesModels.Read((PolicyManifestTests.Everything() with { IsOptIn = true }).ToYaml()));
        Assert.Equal(["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"], KubernetesModels.Read((PolicyManifestTests.Everything() with { ApiVersion = "v1beta1" }).ToYaml()));
    }

    [Theory]
    [InlineData("webhooks:", "webhook:")]
    [InlineData("failurePolicy:", "failPolicy:")]
    [InlineData("timeoutSeconds: 2", "timeoutSeconds: two")]
    [InlineData("operations: [CREATE]", "operations: CREATE")]
    public void A_planted_mistake_is_found(string right, string wrong) =>
        Assert.ThrowsAny<Exception>(() => KubernetesModels.Read(new WebhookManifest().ToYaml().Replace(right, wrong, StringComparison.Ordinal)));
}
