using System.Text.Json;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Tests.Architecture;

namespace Millpond.Tests.Admission;

/// <summary>The generated policy beside the webhook on the same requests: both must come to the same images. What evaluates the policy, a derived class says.</summary>
public abstract class PolicyCases
{
    private const int RandomPods = 300;

    private static readonly string[] lists = ["containers", "initContainers", "ephemeralContainers", "volumes"];

    private static readonly string[] references =
    [
        "nginx", "nginx:1.27", $"nginx@{Pods.Digest}", $"nginx:1.27@{Pods.Digest}", "docker.io/nginx", "index.docker.io/nginx:1", "registry-1.docker.io/library/nginx",
        "registry.hub.docker.com/grafana/grafana", "docker.io/grafana/grafana:11", "grafana/grafana", "a/b/c/d", "localhost/a", "localhost:5000/a", "auto", "library/nginx",
        "quay.io/a", "quay.io/prom/x:1", "quay.io/prom/secret:1", "quay.io/prom/secretly", "quay.io/deep/ok", "quay.io/ok@" + Pods.Digest, "quay.io/x1:2", "quay.io/y",
        "quay.io:443/a", "quay.io.evil.example/a", "xquay.io/a", "registry.k8s.io/pause:3.10", "registry.k8s.io/a/b/c@" + Pods.Digest, "k8s.gcr.io/pause",
        "harbor.example:8443/a/b/app:1", "harbor.example:8443/a/bc:1", "harbor.example:8443/more/x", "harbor.example:8443/moreover", "harbor.example/a/b/app", "other.example/a",
        "mirror.example/q/a:1", "mirror.example/other/a", "old.example/chain/a", "root.example/chain/a", "root.example/free/a", "root.example/quay/a", "root.example/team/more/a", "root.example/teams", "ghcr.io/acme/millpond:1", "ghcr.io/acme/millpond-tools", "ghcr.io/acme/x",
        "old.example/quay/prom/x:1", "old.example/quay/other", "old.example/team/more/a", "old.example/team/a", "old.example/deep/app", "old.example/docker-hub/library/nginx",
        "old.example/free", "cache.example:8443/m/quay/a", "cache.example:8443/m/team/a:1", "cache.example.com/quay/a", "", " ", "a b", "quay.io/A", "quay.io/", "quay.io", "/a",
        "quay.io/a:", "quay.io/a@", "quay.io/a:b:c", "quay.io//a", "quay.io/a/", "quay.io/a__b/c--d", "quay.io/a___b", "quay.io/-a", "quay.io/prom/é", "quay.io/prom/a:\u2028", "'", "\\", "${x}",
        "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10", "public.ecr.aws/a/b", "[::1]:5000/a", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ];

    [Fact]
    public async Task Each_reference_in_each_place_has_the_same_name_as_from_the_webhook()
    {
        var pods = References().Select(reference =>
        {
            var pod = Pods.With(reference);
            pod["spec"]!["initContainers"] = new JsonArray(Pods.Container("init", reference));
            pod["spec"]!["volumes"] = new JsonArray(Volume("image", reference), new JsonObject { ["name"] = "other", ["emptyDir"] = new JsonObject() });
            return Reviewer.Request(pod);
        });

        await CompareAsync(PolicyManifestTests.Everything(), pods);
    }

    [Fact]
    public async Task The_policy_of_the_presets_is_one_too() =>
        await CompareAsync(PolicyManifestTests.Default(), References().Select(reference => Reviewer.Request(Pods.With(reference))));

    [Fact]
    public async Task What_the_webhook_leaves_alone_the_policy_does()
    {
        var never = Pods.With("quay.io/prom/a", "quay.io/prom/b");
        never["spec"]!["containers"]![0]!["imagePullPolicy"] = "Never";
        never["spec"]!["containers"]![1]!["imagePullPolicy"] = "Always";
        var volumes = Pods.With("quay.io/prom/a");
        volumes["spec"]!["volumes"] = new JsonArray(Volume("never", "quay.io/prom/v", "Never"), Volume("always", "quay.io/prom/v", "Always"), new JsonObject { ["name"] = "empty", ["image"] = new JsonObject() });
        var without = Pods.With("quay.io/prom/a");
        without["spec"]!["containers"]!.AsArray().Add(new JsonObject { ["name"] = "none" });

        await CompareAsync(
            PolicyManifestTests.Everything(),
            [
                Reviewer.Request(never), Reviewer.Request(volumes), Reviewer.Request(without),
                Reviewer.Request(Pods.With("quay.io/prom/a").Annotated(("kubernetes.io/config.mirror", "x"))),
                Reviewer.Request(Pods.With("quay.io/prom/a").Annotated(("millpond.dev/rewrite", "false"))),
                Reviewer.Request(Pods.With("quay.io/prom/a").Annotated(("millpond.dev/rewrite", "true"))),
                Reviewer.Request(Pods.With("quay.io/prom/a", "quay.io/prom/b", "quay.io/prom/c").Annotated(("millpond.dev/rewrite-except", "c0, c2 ,,x"))),
                Reviewer.Request(Pods.With("quay.io/prom/a").Annotated(("other", "x"))),
            ]);
    }

    [Fact]
    public async Task Debug_containers_that_an_update_adds_are_renamed_and_no_others()
    {
        var first = Pods.Container("first", "quay.io/prom/debug:1");
        var second = Pods.Container("second", "quay.io/prom/debug:2");
        var old = Pods.With("quay.io/prom/a");

        await CompareAsync(
            PolicyManifestTests.Everything(),
            [
                Reviewer.Request(old.DeepClone().AsObject().Debugged(first.DeepClone().AsObject()), "UPDATE", "ephemeralcontainers", old),
                Reviewer.Request(
                    old.DeepClone().AsObject().Debugged(first.DeepClone().AsObject(), second), "UPDATE", "ephemeralcontainers", old.DeepClone().AsObject().Debugged(first)),
            ]);
    }

    [Fact]
    public async Task Random_pods_come_out_the_same()
    {
        var random = new Random(3);
        await CompareAsync(PolicyManifestTests.Everything(), Enumerable.Range(0, RandomPods).Select(_ => Reviewer.Request(RandomPod(random))));
    }

    private static IEnumerable<string> References()
    {
        var corpus = Path.Join(SourceTree.Top, "../shared/corpus/EXPECTED.tsv");
        return references.Concat(File.Exists(corpus) ? File.ReadLines(corpus).Skip(1).Select(line => line.Split('\t')[2]) : []).Distinct(StringComparer.Ordinal);
    }

    private static JsonObject Volume(string name, string reference, string? policy = null) =>
        new() { ["name"] = name, ["image"] = policy is null ? new JsonObject { ["reference"] = reference } : new JsonObject { ["reference"] = reference, ["pullPolicy"] = policy } };

    private static JsonObject RandomPod(Random random)
    {
        var pod = Pods.With([.. Some(4)]);
        pod["spec"]!["initContainers"] = new JsonArray([.. Some(3).Select((image, at) => Pods.Container($"i{at}", image))]);
        pod["spec"]!["volumes"] = new JsonArray([.. Some(3).Select((image, at) => Volume($"v{at}", image, random.Next(3) == 0 ? "Never" : null))]);
        return random.Next(3) == 0 ? pod.Annotated(("millpond.dev/rewrite-except", string.Join(',', Enumerable.Range(0, 3).Select(at => $"{"civ"[random.Next(3)]}{at}")))) : pod;

        IEnumerable<string> Some(int most) => Enumerable.Range(0, random.Next(most)).Select(_ => references[random.Next(references.Length)]);
    }

    private async Task CompareAsync(PolicyManifest policy, IEnumerable<JsonObject> requests)
    {
        var asked = requests.ToList();
        var evaluated = await EvaluateAsync(policy, asked);
        var webhook = Webhook(policy);
        var changes = 0;
        foreach (var (request, mutation) in asked.Zip(evaluated))
        {
            var (byWebhook, byPolicy) = (Renamed(webhook, request), Renamed(mutation));
            Assert.True(byWebhook.SequenceEqual(byPolicy), $"{request.ToJsonString()}\nwebhook: {string.Join(", ", byWebhook)}\npolicy: {string.Join(", ", byPolicy)}");
            changes += byWebhook.Count;
        }

        Assert.NotEqual(0, changes);
    }

    /// <summary>The mutations that the policy makes of requests, null for one that it leaves out.</summary>
    /// <param name="conditions">In CEL; all must hold.</param>
    /// <param name="variables">With name and expression, later ones built on earlier ones.</param>
    protected abstract Task<JsonArray> EvaluateAsync(JsonArray conditions, JsonArray variables, string mutation, JsonArray requests);

    private Task<JsonArray> EvaluateAsync(PolicyManifest policy, List<JsonObject> requests)
    {
        var spec = YamlDocuments.Read(policy.ToYaml())[0]["spec"]!;
        return EvaluateAsync(
            [.. spec["matchConditions"]!.AsArray().Select(condition => condition!["expression"]!.DeepClone())],
            spec["variables"]!.DeepClone().AsArray(),
            (string)spec["mutations"]![0]!["applyConfiguration"]!["expression"]!,
            [.. requests.Select(request => request.DeepClone())]);
    }

    private static PodReview Webhook(PolicyManifest policy)
    {
        var options = new RewriteOptions { OldRegistries = policy.OldRegistries, MoveFromEcr = false, Placeholders = ["auto"] };
        return new(new RewriteRules(policy.Registry, policy.Mappings, options), new ReviewScope(new() { OwnImages = policy.OwnImages }));
    }

    private static List<string> Renamed(PodReview webhook, JsonObject request)
    {
        using var document = JsonDocument.Parse(request.ToJsonString());
        var patch = webhook.Decide(document.RootElement).Patch;
        return
        [
            .. patch.Where(operation => operation.Op == "replace").Select(operation =>
            {
                var parts = operation.Path.Split('/');
                return $"{parts[2]}/{request["object"]!["spec"]![parts[2]]![int.Parse(parts[3], null)]!["name"]}={operation.Value}";
            }),
        ];
    }

    /// <summary>What server-side apply would set: entries are told by their names.</summary>
    private static List<string> Renamed(JsonNode? mutation) => mutation is null
        ? []
        : [.. lists.SelectMany(list => mutation["spec"]![list]!.AsArray().Select(entry => $"{list}/{entry!["name"]}={(list == "volumes" ? entry["image"]!["reference"] : entry["image"])}"))];
}
