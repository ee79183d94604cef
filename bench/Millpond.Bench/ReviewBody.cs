using System.Globalization;
using System.Text.Json.Nodes;

namespace Millpond.Bench;

/// <summary>A review as an API server sends it: a pod of a Deployment, with what controllers and admission have filled in.</summary>
/// <param name="Uid">No two have the same.</param>
/// <param name="Images">What its containers must be called afterwards; no two reviews have one in common.</param>
internal sealed record ReviewBody(string Uid, IReadOnlyList<string> Images, string Json)
{
    public const string Registry = "cache.corp.example";

    private static readonly (string Written, string Rewritten)[] repositories =
    [
        ("quay.io/team-{0}/app", "quay/team-{0}/app"),
        ("registry.k8s.io/team-{0}/proxy", "k8s/team-{0}/proxy"),
        ("registry.corp.example/team-{0}/agent", ""),
    ];

    /// <param name="number">Which one of many.</param>
    /// <param name="ballast">About so many bytes of further variables.</param>
    public static ReviewBody Make(int number, int ballast = 0)
    {
        var images = repositories.Select(repository => (
            Written: Tagged(repository.Written, number),
            Rewritten: repository.Rewritten.Length == 0 ? Tagged(repository.Written, number) : $"{Registry}/{Tagged(repository.Rewritten, number)}")).ToList();
        var uid = string.Create(CultureInfo.InvariantCulture, $"00000000-0000-4000-8000-{number:d12}");
        var review = new JsonObject
        {
            ["kind"] = "AdmissionReview",
            ["apiVersion"] = "admission.k8s.io/v1",
            ["request"] = new JsonObject
            {
                ["uid"] = uid,
                ["kind"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["kind"] = "Pod" },
                ["resource"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["resource"] = "pods" },
                ["requestKind"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["kind"] = "Pod" },
                ["requestResource"] = new JsonObject { ["group"] = "", ["version"] = "v1", ["resource"] = "pods" },
                ["namespace"] = $"team-{number}",
                ["operation"] = "CREATE",
                ["userInfo"] = new JsonObject
                {
                    ["username"] = "system:serviceaccount:kube-system:replicaset-controller",
                    ["uid"] = "0b6a4b1e-5a0c-4c53-9c0e-2f6f3f0f9a55",
                    ["groups"] = new JsonArray("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"),
                },
                ["object"] = Pod(number, images.ConvertAll(image => image.Written), ballast),
                ["oldObject"] = null,
                ["dryRun"] = false,
                ["options"] = new JsonObject { ["kind"] = "CreateOptions", ["apiVersion"] = "meta.k8s.io/v1" },
            },
        };
        return new(uid, images.ConvertAll(image => image.Rewritten), review.ToJsonString());
    }

    private static string Tagged(string repository, int number) => string.Format(CultureInfo.InvariantCulture, repository, number) + $":1.{number}";

    private static JsonObject Pod(int number, List<string> images, int ballast) => new()
    {
        ["kind"] = "Pod",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject
        {
            ["generateName"] = $"app-{number}-7d9c5b7f6-",
            ["labels"] = new JsonObject { ["app.kubernetes.io/name"] = $"app-{number}", ["pod-template-hash"] = "7d9c5b7f6" },
            ["annotations"] = new JsonObject { ["prometheus.io/scrape"] = "true", ["checksum/config"] = new string('a', 64) },
            ["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = "ReplicaSet", ["name"] = $"app-{number}-7d9c5b7f6", ["controller"] = true }),
            ["managedFields"] = new JsonArray(new JsonObject { ["manager"] = "kube-controller-manager", ["operation"] = "Update", ["fieldsV1"] = ManagedFields(images.Count) }),
        },
        ["spec"] = new JsonObject
        {
            ["volumes"] = new JsonArray(new JsonObject { ["name"] = "data", ["emptyDir"] = new JsonObject() }, Token()),
            ["containers"] = new JsonArray([.. images.Select((image, at) => Container($"c{at}", image, at == 0 ? ballast : 0))]),
            ["restartPolicy"] = "Always",
            ["terminationGracePeriodSeconds"] = 30,
            ["dnsPolicy"] = "ClusterFirst",
            ["serviceAccountName"] = "default",
            ["securityContext"] = new JsonObject { ["runAsNonRoot"] = true },
            ["schedulerName"] = "default-scheduler",
            ["tolerations"] = new JsonArray(new JsonObject { ["key"] = "node.kubernetes.io/not-ready", ["operator"] = "Exists", ["effect"] = "NoExecute", ["tolerationSeconds"] = 300 }),
            ["priority"] = 0,
            ["enableServiceLinks"] = true,
            ["preemptionPolicy"] = "PreemptLowerPriority",
        },
        ["status"] = new JsonObject(),
    };

    /// <summary>A big object is one with many variables, not one with one long text.</summary>
    private static JsonObject Container(string name, string image, int ballast) => new()
    {
        ["name"] = name,
        ["image"] = image,
        ["args"] = new JsonArray("--config=/etc/app/config.yaml", "--log-level=info"),
        ["env"] = new JsonArray(
        [
            .. Enumerable.Range(0, 8 + (ballast / 100)).Select(at => new JsonObject
            {
                ["name"] = $"VARIABLE_{at:d6}",
                ["value"] = at < 8 ? "value" : "A value with \"quotes\" in it, as long as many are: https://app.team.svc:8443",
            }),
        ]),
        ["ports"] = new JsonArray(new JsonObject { ["name"] = "http", ["containerPort"] = 8080, ["protocol"] = "TCP" }),
        ["resources"] = new JsonObject { ["requests"] = new JsonObject { ["cpu"] = "100m", ["memory"] = "128Mi" } },
        ["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "data", ["mountPath"] = "/data" }),
        ["livenessProbe"] = new JsonObject { ["httpGet"] = new JsonObject { ["path"] = "/healthz", ["port"] = "http", ["scheme"] = "HTTP" }, ["periodSeconds"] = 10 },
        ["terminationMessagePath"] = "/dev/termination-log",
        ["imagePullPolicy"] = "IfNotPresent",
    };

    private static JsonObject Token() => new()
    {
        ["name"] = "kube-api-access-x7k2p",
        ["projected"] = new JsonObject
        {
            ["sources"] = new JsonArray(
                new JsonObject { ["serviceAccountToken"] = new JsonObject { ["expirationSeconds"] = 3607, ["path"] = "token" } },
                new JsonObject { ["configMap"] = new JsonObject { ["name"] = "kube-root-ca.crt" } }),
            ["defaultMode"] = 420,
        },
    };

    private static JsonObject ManagedFields(int containers) => new()
    {
        ["f:spec"] = new JsonObject
        {
            ["f:containers"] = new JsonObject(Enumerable.Range(0, containers).Select(at => KeyValuePair.Create<string, JsonNode?>(
                $$"""k:{"name":"c{{at}}"}""",
                new JsonObject { ["."] = new JsonObject(), ["f:args"] = new JsonObject(), ["f:env"] = new JsonObject(), ["f:image"] = new JsonObject(), ["f:imagePullPolicy"] = new JsonObject(), ["f:name"] = new JsonObject() }))),
            ["f:restartPolicy"] = new JsonObject(),
        },
    };
}
