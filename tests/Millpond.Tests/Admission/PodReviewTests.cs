using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>What is rewritten, over the real listener.</summary>
public sealed class PodReviewTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private readonly Reviewer reviewer = fixture.Reviewer;

    [Theory]
    [InlineData("nginx", "cache.corp.example/docker-hub/library/nginx")]
    [InlineData("docker.io/grafana/grafana:12.0", "cache.corp.example/docker-hub/grafana/grafana:12.0")]
    [InlineData("index.docker.io/library/bash:5", "cache.corp.example/docker-hub/library/bash:5")]
    [InlineData("quay.io/prometheus/busybox:latest", "cache.corp.example/quay/prometheus/busybox:latest")]
    [InlineData("registry.k8s.io/pause:3.10", "cache.corp.example/k8s/pause:3.10")]
    [InlineData("ghcr.io/a/b@" + Pods.Digest, "cache.corp.example/ghcr/a/b@" + Pods.Digest)]
    [InlineData("ghcr.io/a/b:1@" + Pods.Digest, "cache.corp.example/ghcr/a/b:1@" + Pods.Digest)]
    [InlineData("harbor.corp.example:8443/team-a/app:1", "cache.corp.example/harbor/app:1")]
    [InlineData("old-cache.corp.example/quay/a/b:1", "cache.corp.example/quay/a/b:1")]
    [InlineData("123456789012.dkr.ecr.eu-west-1.amazonaws.com/k8s/pause:3.10", "cache.corp.example/k8s/pause:3.10")]
    public async Task Only_the_name_changes_and_neither_a_tag_nor_a_digest_comes_or_goes(string image, string expected)
    {
        var pod = await reviewer.CreateAsync(Pods.With(image));

        Assert.Equal([expected], Pods.Images(pod));
        Assert.Equal(image, (string?)Pods.Originals(pod)!["containers/c0"]);
    }

    [Theory]
    [InlineData("cache.corp.example/quay/a/b", "already-in-cache")]
    [InlineData("public.ecr.aws/eks/coredns:1", "public-ecr-aws-owned")]
    [InlineData("602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/kube-proxy:1", "eks-managed-ecr")]
    [InlineData("210987654321.dkr.ecr.eu-west-1.amazonaws.com/quay/app:1", "private-ecr")]
    [InlineData("registry.gitlab.com/a/b:1", "tier-off")]
    [InlineData("localhost:5000/app", "local-registry")]
    [InlineData("registry.other.example/app", "registry-not-listed")]
    [InlineData("harbor.corp.example:8443/team-b/app", "no-name-in-cache")]
    [InlineData("harbor.corp.example:8443/team-a/secret/app", "not-allowed")]
    [InlineData("auto", "placeholder")]
    [InlineData("Not A Reference", "invalid-reference")]
    [InlineData(Reviewer.OwnImage + ":1.0", "own-image")]
    [InlineData(Reviewer.OwnImage + "@" + Pods.Digest, "own-image")]
    public async Task What_no_rule_covers_stays_with_its_reason_in_the_audit_log(string image, string reason)
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(Pods.With(image)));

        Assert.False(reviewed.Response.ContainsKey("patch"));
        Assert.Equal($"containers/c0={reason}", reviewed.Audit("unchanged"));
    }

    [Fact]
    public async Task All_kinds_of_containers_and_image_volumes_are_rewritten()
    {
        var pod = Pods.With("quay.io/a/app:1");
        pod["spec"]!["initContainers"] = new JsonArray(Pods.Container("setup", "quay.io/a/setup:1"), Pods.Container("mesh", "registry.other.example/mesh:1"));
        pod["spec"]!["volumes"] = new JsonArray(
            new JsonObject { ["name"] = "tmp", ["emptyDir"] = new JsonObject() },
            new JsonObject { ["name"] = "model", ["image"] = new JsonObject { ["reference"] = "ghcr.io/a/model:1", ["pullPolicy"] = "IfNotPresent" } });

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));
        var created = JsonPatch.Apply(pod, reviewed.Patch);

        Assert.Equal(["cache.corp.example/quay/a/app:1"], Pods.Images(created));
        Assert.Equal(["cache.corp.example/quay/a/setup:1", "registry.other.example/mesh:1"], Pods.Images(created, "initContainers"));
        Assert.Equal("cache.corp.example/ghcr/a/model:1", (string?)created["spec"]!["volumes"]![1]!["image"]!["reference"]);
        Assert.Equal("initContainers/mesh=registry-not-listed", reviewed.Audit("unchanged"));
        Assert.Equal(
            "containers/c0=quay.io/a/app:1->cache.corp.example/quay/a/app:1 (rewritten)"
                + ", initContainers/setup=quay.io/a/setup:1->cache.corp.example/quay/a/setup:1 (rewritten)"
                + ", volumes/model=ghcr.io/a/model:1->cache.corp.example/ghcr/a/model:1 (rewritten)",
            reviewed.Audit("rewritten"));
        Assert.Equal(["containers/c0", "initContainers/setup", "volumes/model"], Pods.Originals(created)!.Select(one => one.Key));
    }

    [Theory]
    [InlineData("123456789012.dkr.ecr.eu-west-1.amazonaws.com/k8s/pause:3.10", "(moved)")]
    [InlineData("registry.k8s.io/pause:3.10", "(rewritten)")]
    public async Task What_was_rewritten_stands_in_the_audit_log_with_its_reason(string image, string reason)
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(Pods.With(image)));

        Assert.Equal($"containers/c0={image}->cache.corp.example/k8s/pause:3.10 {reason}", reviewed.Audit("rewritten"));
        Assert.Null(reviewed.Audit("unchanged"));
    }

    [Fact]
    public async Task A_second_review_changes_nothing()
    {
        var once = await reviewer.CreateAsync(Pods.With("nginx:1", "quay.io/a/b@" + Pods.Digest).Annotated(("team", "a")));
        var again = await reviewer.AskAsync(Reviewer.Request(once));

        Assert.False(again.Response.ContainsKey("patch"));
        Assert.Equal("containers/c0=already-in-cache, containers/c1=already-in-cache", again.Audit("unchanged"));
    }

    [Fact]
    public async Task A_sidecar_that_was_injected_between_two_reviews_is_rewritten_by_the_second_and_all_originals_are_kept()
    {
        var once = await reviewer.CreateAsync(Pods.With("nginx:1"));
        once["spec"]!["initContainers"] = new JsonArray(Pods.Container("proxy", "quay.io/mesh/proxy:2"));
        var twice = await reviewer.CreateAsync(once);

        Assert.Equal(["cache.corp.example/quay/mesh/proxy:2"], Pods.Images(twice, "initContainers"));
        Assert.Equal("""{"containers/c0":"nginx:1","initContainers/proxy":"quay.io/mesh/proxy:2"}""", Pods.Originals(twice)!.ToJsonString());
    }

    [Fact]
    public async Task An_image_that_another_webhook_replaced_between_two_reviews_is_kept_as_it_was_last()
    {
        var once = await reviewer.CreateAsync(Pods.With("nginx:1"));
        once["spec"]!["containers"]![0]!["image"] = "quay.io/hardened/nginx:1";
        var twice = await reviewer.CreateAsync(once);

        Assert.Equal(["cache.corp.example/quay/hardened/nginx:1"], Pods.Images(twice));
        Assert.Equal("quay.io/hardened/nginx:1", (string?)Pods.Originals(twice)!["containers/c0"]);
    }

    [Fact]
    public async Task A_dry_run_is_answered_like_any_other()
    {
        var request = Reviewer.Request(Pods.With("nginx:1"));
        request["dryRun"] = true;

        Assert.NotEmpty((await reviewer.AskAsync(request)).Patch);
    }
}
