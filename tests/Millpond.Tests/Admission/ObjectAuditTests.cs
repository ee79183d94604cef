using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>Objects that are no Pods, where the webhook is configured for them: looked at by the finder of the command line, and never changed.</summary>
public sealed class ObjectAuditTests : IAsyncLifetime
{
    private Reviewer reviewer = null!;

    public async ValueTask InitializeAsync() => reviewer = await Reviewer.StartAsync();

    public ValueTask DisposeAsync() => reviewer.DisposeAsync();

    [Fact]
    public async Task A_workload_is_told_of_and_stays()
    {
        var reviewed = await AskAsync("apps", "Deployment", """
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "team"}, "spec": {"template": {"spec": {
              "containers": [
                {"name": "a", "image": "quay.io/team/a:1", "env": [{"name": "WHERE", "value": "ghcr.io/team/b:1"}]},
                {"name": "b", "image": "gcr.io/team/b:1"},
                {"name": "c", "image": "cache.corp.example/quay/team/c:1"}]}}}}
            """);
        Assert.Empty(reviewed.Patch);
        Assert.True(reviewed.IsAllowed);
        Assert.Equal("spec.template.spec.containers[0].image=quay.io/team/a:1", reviewed.Audit("would-rewrite"));
        Assert.Equal(
            "spec.template.spec.containers[0].env[0].value=ghcr.io/team/b:1 (unknown-place), spec.template.spec.containers[1].image=gcr.io/team/b:1 (gcr-not-an-upstream)",
            reviewed.Audit("not-covered"));
    }

    [Fact]
    public async Task A_custom_resource_with_a_pods_specification_is_told_of()
    {
        var reviewed = await AskAsync("example.com", "Thing", """
            {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x", "namespace": "team"},
             "spec": {"runners": [{"podTemplate": {"spec": {"initContainers": [{"name": "a", "image": "busybox"}]}}}]},
             "status": {"image": "quay.io/team/old:1"}}
            """);
        Assert.Equal("spec.runners[0].podTemplate.spec.initContainers[0].image=busybox", reviewed.Audit("would-rewrite"));
        Assert.Null(reviewed.Audit("not-covered"));
        Assert.Empty(reviewed.Patch);
    }

    [Fact]
    public async Task What_names_no_image_or_asks_to_be_left_alone_is_not_looked_at()
    {
        Assert.Equal("not-a-pod", (await AskAsync("", "Service", """{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}""")).Audit("skipped"));
        Assert.Equal("opted-out", (await AskAsync("apps", "Deployment", """
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "annotations": {"millpond.dev/rewrite": "false"}},
             "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "nginx"}]}}}}
            """)).Audit("skipped"));
        Assert.Equal("namespace-excluded", (await AskAsync("apps", "Deployment", """
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
             "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "nginx"}]}}}}
            """, "kube-system")).Audit("skipped"));
    }

    private Task<Reviewed> AskAsync(string group, string kind, string reviewed, string space = "team")
    {
        var request = Reviewer.Request(JsonNode.Parse(reviewed)!.AsObject());
        request["kind"] = new JsonObject { ["group"] = group, ["version"] = "v1", ["kind"] = kind };
        request["namespace"] = space;
        return reviewer.AskAsync(request);
    }
}
