using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>Debug containers, which come by an update of a subresource.</summary>
public sealed class EphemeralContainerTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private const string Subresource = "ephemeralcontainers";

    private readonly Reviewer reviewer = fixture.Reviewer;

    [Fact]
    public async Task The_container_that_an_update_adds_is_rewritten_without_an_annotation()
    {
        var old = Pods.With("nginx:1");
        var pod = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"));

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod, "UPDATE", Subresource, old));
        var updated = JsonPatch.Apply(pod, reviewed.Patch);

        Assert.Equal(["cache.corp.example/docker-hub/library/busybox"], Pods.Images(updated, "ephemeralContainers"));
        Assert.Equal(["nginx:1"], Pods.Images(updated));
        Assert.Null(Pods.Originals(updated));
        Assert.Equal("ephemeralContainers/debug=busybox->cache.corp.example/docker-hub/library/busybox (rewritten)", reviewed.Audit("rewritten"));
        Assert.All(reviewed.Patch, operation => Assert.Equal("/spec/ephemeralContainers/0/image", (string?)operation!["path"]));
    }

    [Fact]
    public async Task The_second_debug_container_is_rewritten_and_the_first_which_cannot_be_changed_is_not()
    {
        var old = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"));
        var pod = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"), Pods.Container("debug-2", "quay.io/a/tools:1"));

        Assert.Equal(["busybox", "cache.corp.example/quay/a/tools:1"], await UpdateAsync(old, pod));
    }

    [Fact]
    public async Task New_is_told_by_name_and_not_by_place()
    {
        var old = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"));
        var pod = Pods.With("nginx:1").Debugged(Pods.Container("debug-2", "quay.io/a/tools:1"), Pods.Container("debug", "busybox"));

        Assert.Equal(["cache.corp.example/quay/a/tools:1", "busybox"], await UpdateAsync(old, pod));
    }

    [Fact]
    public async Task An_update_that_adds_none_changes_nothing()
    {
        var pod = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"));

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod, "UPDATE", Subresource, pod));

        Assert.Empty(reviewed.Patch);
        Assert.Null(reviewed.Audit("unchanged"));
    }

    [Theory]
    [InlineData("UPDATE", null)]
    [InlineData("UPDATE", "status")]
    [InlineData("UPDATE", "resize")]
    [InlineData("CONNECT", "exec")]
    [InlineData("CREATE", "binding")]
    [InlineData("CREATE", "eviction")]
    public async Task Any_other_change_of_a_pod_is_left_alone_as_containers_would_be_restarted(string operation, string? subresource)
    {
        var pod = Pods.With("nginx:1").Debugged(Pods.Container("debug", "busybox"));

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod, operation, subresource, Pods.With("nginx:0")));

        Assert.Empty(reviewed.Patch);
        Assert.Equal("other-operation", reviewed.Audit("skipped"));
    }

    [Fact]
    public async Task A_deletion_has_no_object_and_is_allowed()
    {
        var request = Reviewer.Request(new JsonObject(), "DELETE", null, Pods.With("nginx:1"));
        request["object"] = null;

        Assert.Equal("no-object", (await reviewer.AskAsync(request)).Audit("skipped"));
    }

    /// <summary>The debug containers' images when a pod has become another and was reviewed.</summary>
    private async Task<string?[]> UpdateAsync(JsonObject old, JsonObject pod)
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod, "UPDATE", Subresource, old));
        return Pods.Images(JsonPatch.Apply(pod, reviewed.Patch), "ephemeralContainers");
    }
}
