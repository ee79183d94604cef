using System.Text;
using System.Text.Json.Nodes;

namespace Millpond.Tests.Admission;

/// <summary>The patch touches what is meant and nothing else.</summary>
public sealed class PatchTests(ReviewerFixture fixture) : IClassFixture<ReviewerFixture>
{
    private readonly Reviewer reviewer = fixture.Reviewer;

    [Fact]
    public async Task Fields_that_no_library_knows_survive_and_so_does_everything_else()
    {
        var pod = JsonNode.Parse("""
            {
              "apiVersion": "v1", "kind": "Pod", "fieldFromTheFuture": {"a": [1, 2.50, 1e400, null, true]},
              "metadata": {"name": "web", "labels": {"a/b~c": "ünï\u2028code"}, "annotations": {"odd": "<&>'+\u0000"}, "managedFields": [{"f:spec": {"f:containers": {}}}]},
              "spec": {
                "initContainers": [{"name": "sidecar", "image": "quay.io/a/side:1", "restartPolicy": "Always", "newField": {"x": 1}}],
                "containers": [{"name": "app", "image": "nginx:1", "env": [{"name": "IMAGE", "value": "nginx:1"}], "resizePolicy": [], "anotherField": 12345678901234567890}],
                "volumes": [{"name": "m", "image": {"reference": "ghcr.io/a/m:1", "newerField": "kept"}}],
                "schedulingGates": [{"name": "x"}], "overhead": {}
              }
            }
            """)!;

        var created = await reviewer.CreateAsync(pod);
        Assert.NotNull(Pods.Originals(created));

        // Everything but the three images and the annotation is as it was, down to the spelling of numbers.
        var expected = pod.DeepClone();
        expected["spec"]!["initContainers"]![0]!["image"] = "cache.corp.example/quay/a/side:1";
        expected["spec"]!["containers"]![0]!["image"] = "cache.corp.example/docker-hub/library/nginx:1";
        expected["spec"]!["volumes"]![0]!["image"]!["reference"] = "cache.corp.example/ghcr/a/m:1";
        expected["metadata"]!["annotations"]!["millpond.dev/original-images"] = (string)created["metadata"]!["annotations"]!["millpond.dev/original-images"]!;
        Assert.Equal(expected.ToJsonString(), created.ToJsonString());
    }

    [Fact]
    public async Task Operations_are_a_guarded_replacement_for_each_image_and_one_annotation()
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(Pods.With("registry.other.example/a", "nginx:1").Annotated(("a", "b"))));

        Assert.Equal(
            [
                "test /spec/containers/1/image nginx:1",
                "replace /spec/containers/1/image cache.corp.example/docker-hub/library/nginx:1",
                """add /metadata/annotations/millpond.dev~1original-images {"containers/c1":"nginx:1"}""",
            ],
            reviewed.Patch.Select(operation => $"{operation!["op"]} {operation["path"]} {operation["value"]}"));
        Assert.Equal("JSONPatch", (string?)reviewed.Response["patchType"]);
    }

    [Fact]
    public async Task A_pod_without_annotations_gets_the_map_too()
    {
        var reviewed = await reviewer.AskAsync(Reviewer.Request(Pods.With("nginx:1")));

        Assert.Equal("/metadata/annotations", (string?)reviewed.Patch[^1]!["path"]);
        Assert.Equal("""{"containers/c0":"nginx:1"}""", (string?)reviewed.Patch[^1]!["value"]!["millpond.dev/original-images"]);
    }

    [Fact]
    public async Task Patch_and_audit_are_written_with_as_few_escapes_as_JSON_allows()
    {
        using var answer = await reviewer.PostAsync(Reviewer.Review(Reviewer.Request(Pods.With("nginx:1"))).ToJsonString());
        var body = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var patch = Encoding.UTF8.GetString(Convert.FromBase64String(body.Split("\"patch\":\"")[1].Split('"')[0]));

        Assert.Contains("nginx:1->cache.corp.example", body, StringComparison.Ordinal);
        Assert.Contains("""{\"containers/c0\":\"nginx:1\"}""", patch, StringComparison.Ordinal);
        Assert.DoesNotContain("\\u", body + patch, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[1]")]
    [InlineData("""{"containers/x":1}""")]
    [InlineData("null")]
    public async Task Somebody_s_own_text_under_our_annotation_costs_no_pod(string text)
    {
        var created = await reviewer.CreateAsync(Pods.With("nginx:1").Annotated(("millpond.dev/original-images", text)));

        Assert.Equal("""{"containers/c0":"nginx:1"}""", Pods.Originals(created)!.ToJsonString());
    }

    [Fact]
    public async Task Annotations_of_a_pod_that_are_as_many_as_Kubernetes_takes_are_not_made_more()
    {
        var pod = Pods.With("nginx:1").Annotated(("big", new string('x', (256 * 1024) - 40)));

        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));

        Assert.Equal(["test", "replace"], reviewed.Patch.Select(operation => (string?)operation!["op"]));
        Assert.Equal("not-kept", reviewed.Audit("originals"));
    }

    [Fact]
    public async Task A_pod_of_more_than_a_megabyte_is_reviewed()
    {
        var pod = Pods.With([.. Enumerable.Range(0, 200).Select(at => $"quay.io/team/app-{at}:{at}")]);
        foreach (var container in pod["spec"]!["containers"]!.AsArray())
        {
            container!["env"] = new JsonArray(new JsonObject { ["name"] = "X", ["value"] = new string('y', 8_000) });
        }

        Assert.InRange(pod.ToJsonString().Length, 1_500_000, 3_000_000);
        var reviewed = await reviewer.AskAsync(Reviewer.Request(pod));

        Assert.Equal(
            Enumerable.Range(0, 200).Select(at => $"cache.corp.example/quay/team/app-{at}:{at}"), Pods.Images(JsonPatch.Apply(pod, reviewed.Patch)));
        Assert.EndsWith("…", reviewed.Audit("rewritten"), StringComparison.Ordinal);
        Assert.InRange(reviewed.Audit("rewritten")!.Length, 3_000, 4_100);
    }
}
