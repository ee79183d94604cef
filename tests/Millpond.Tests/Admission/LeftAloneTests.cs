using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>Pods and containers that somebody wants as they are.</summary>
public sealed class LeftAloneTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private readonly Reviewer reviewer = fixture.Reviewer;

    [Fact]
    public async Task A_pod_in_an_excluded_namespace_whatever_it_says_of_itself()
    {
        var pod = Pods.With("nginx:1");
        pod["metadata"]!["namespace"] = "team-a";

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod, space: "kube-system"));

        Assert.Equal("namespace-excluded", reviewed.Audit("skipped"));
        Assert.Empty(reviewed.Patch);
    }

    [Fact]
    public async Task A_namespace_that_only_begins_like_an_excluded_one_is_not_excluded() =>
        Assert.NotEmpty((await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx:1"), space: "kube-system-2"))).Patch);

    [Fact]
    public async Task A_mirror_pod_which_the_kubelet_would_lose()
    {
        var pod = Pods.With("registry.k8s.io/kube-apiserver:v1.35.0").Annotated(("kubernetes.io/config.mirror", "8f3a"), ("kubernetes.io/config.source", "file"));

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));

        Assert.Equal("mirror-pod", reviewed.Audit("skipped"));
        Assert.Empty(reviewed.Patch);
    }

    [Theory]
    [InlineData("false", 0)]
    [InlineData("true", 3)]
    [InlineData("", 3)]
    public async Task A_pod_that_opts_out(string value, int operations)
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx:1").Annotated(("millpond.dev/rewrite", value))));

        Assert.Equal(operations, reviewed.Patch.Count);
        Assert.Equal(operations == 0 ? "opted-out" : null, reviewed.Audit("skipped"));
    }

    [Fact]
    public async Task Containers_and_volumes_that_a_pod_excepts_by_name()
    {
        var pod = Pods.With("nginx:1", "nginx:2", "nginx:3").Annotated(("millpond.dev/rewrite-except", "c1, model"));
        pod["spec"]!["volumes"] = new JsonArray(new JsonObject { ["name"] = "model", ["image"] = new JsonObject { ["reference"] = "ghcr.io/a/model:1" } });

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));
        var created = JsonPatch.Apply(pod, reviewed.Patch);

        Assert.Equal(["cache.corp.example/docker-hub/library/nginx:1", "nginx:2", "cache.corp.example/docker-hub/library/nginx:3"], Pods.Images(created));
        Assert.Equal("containers/c1=opted-out, volumes/model=opted-out", reviewed.Audit("unchanged"));
    }

    [Fact]
    public async Task An_excepted_debug_container()
    {
        var pod = Pods.With("nginx:1").Annotated(("millpond.dev/rewrite-except", "debug")).Debugged(Pods.Container("debug", "busybox"));

        Assert.Empty((await reviewer.AskAsync(Reviewer.Request(pod, "UPDATE", "ephemeralcontainers", Pods.With("nginx:1")))).Patch);
    }

    [Fact]
    public async Task An_image_that_is_never_pulled_because_it_must_be_on_the_node_under_this_name()
    {
        var pod = Pods.With("nginx:1", "nginx:2");
        pod["spec"]!["containers"]![0]!["imagePullPolicy"] = "Never";
        pod["spec"]!["containers"]![1]!["imagePullPolicy"] = "Always";
        pod["spec"]!["volumes"] = new JsonArray(
            new JsonObject { ["name"] = "model", ["image"] = new JsonObject { ["reference"] = "ghcr.io/a/model:1", ["pullPolicy"] = "Never" } });

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));
        var created = JsonPatch.Apply(pod, reviewed.Patch);

        Assert.Equal(["nginx:1", "cache.corp.example/docker-hub/library/nginx:2"], Pods.Images(created));
        Assert.Equal("containers/c0=never-pulled, volumes/model=never-pulled", reviewed.Audit("unchanged"));
        Assert.Equal(["Never", "Always"], created["spec"]!["containers"]!.AsArray().Select(container => (string?)container!["imagePullPolicy"]));
    }

    [Theory]
    [InlineData("apps", "Deployment")]
    [InlineData("", "Service")]
    [InlineData("example.com", "Pod")]
    public async Task What_is_no_pod_as_GitOps_would_fight_over_it(string group, string kind)
    {
        var request = Reviewer.Request(Pods.With("nginx:1"));
        request["kind"] = new JsonObject { ["group"] = group, ["version"] = "v1", ["kind"] = kind };

        var reviewed = await reviewer.AskAsync(request);

        Assert.Null(reviewed.Audit("skipped"));
        Assert.Contains("=nginx:1", reviewed.Audit("would-rewrite"), StringComparison.Ordinal);
        Assert.Empty(reviewed.Patch);
        Assert.True(reviewed.IsAllowed);
    }

    [Fact]
    public async Task Containers_without_an_image_which_another_webhook_fills_in()
    {
        var pod = Pods.With("nginx:1");
        pod["spec"]!["containers"]!.AsArray().Insert(0, Pods.Container("empty", ""));
        pod["spec"]!["containers"]!.AsArray().Insert(0, new JsonObject { ["name"] = "none" });

        Assert.Equal([null, "", "cache.corp.example/docker-hub/library/nginx:1"], Pods.Images(await reviewer.CreateAsync(pod)));
    }
}
