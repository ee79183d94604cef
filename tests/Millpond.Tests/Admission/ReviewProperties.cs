using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using FsCheck;
using FsCheck.Fluent;
using Millpond.Images;
using Millpond.Server.Admission;
using Millpond.Server.Configuration;
using Millpond.Server.Rules;

namespace Millpond.Tests.Admission;

/// <summary>Any JSON at all in a pod's place: never a crash, always a patch that applies and touches only images and one annotation.</summary>
public sealed class ReviewProperties
{
    private static readonly string[] Keys =
    [
        "metadata", "annotations", "spec", "containers", "initContainers", "ephemeralContainers", "volumes", "image", "reference", "name", "imagePullPolicy", "pullPolicy",
        "namespace", "millpond.dev/rewrite", "millpond.dev/rewrite-except", "millpond.dev/original-images", "kubernetes.io/config.mirror", "x",
    ];

    private static readonly string[] Texts =
    [
        "nginx", "nginx:1", "quay.io/a/b:1", "quay.io/a/b@" + Pods.Digest, "cache.corp.example/quay/a/b", "ghcr.io/A/b", "registry.k8s.io/", "false", "c0,c1", "c0", "Never", "{}",
        """{"containers/c0":"nginx"}""", "", "auto", "../..", "~1", "a b", "é\u2028", "kube-system",
    ];

    private static readonly JsonSerializerOptions compact = new() { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
    private static readonly JsonSerializerOptions indented = new(compact) { WriteIndented = true };

    private static readonly PodReview Review = Make();

    /// <summary>Trees of words that mean something to a review, in places where they mostly do not.</summary>
    private static readonly Gen<JsonNode?> Nodes = Gen.Sized(size => Node(Math.Min(size, 60)));

    [Fact]
    public void Random_pods_are_allowed_and_only_images_change() => Prop.ForAll(
        (from pod in Gen.Frequency((3, Nodes), (5, PodLike()))
         from operation in Gen.Elements("CREATE", "UPDATE", "DELETE", "")
         from subresource in Gen.Elements<string?>(null, "ephemeralcontainers", "status")
         from old in Nodes
         select (Pod: pod, Operation: operation, Subresource: subresource, Old: old)).ToArbitrary(),
        asked =>
        {
            var request = new JsonObject
            {
                ["uid"] = "1",
                ["kind"] = new JsonObject { ["kind"] = "Pod", ["version"] = "v1" },
                ["operation"] = asked.Operation,
                ["subResource"] = asked.Subresource,
                ["object"] = asked.Pod?.DeepClone(),
                ["oldObject"] = asked.Old?.DeepClone(),
            };
            using var document = JsonDocument.Parse(request.ToJsonString());
            var verdict = Review.Decide(document.RootElement);
            if (Shown(verdict) != Shown(DecideByExcerpt(request)))
            {
                return false;
            }

            if (verdict.Patch.Count == 0)
            {
                return true;
            }

            var patch = JsonNode.Parse(AdmissionAnswer.WritePatch(verdict.Patch).Span)!.AsArray();
            var created = JsonPatch.Apply(asked.Pod!, patch);
            return patch.All(operation => IsMeant((string)operation!["path"]!)) && Equal(WithoutImages(asked.Pod!), WithoutImages(created)) && IsSettled(created, asked.Operation);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    /// <summary>A review is cut to what is looked at, which decides nothing: also where its kind comes late, whatever it is indented by.</summary>
    private static PodVerdict DecideByExcerpt(JsonObject request)
    {
        var asked = request.DeepClone().AsObject();
        var isLate = asked["operation"]!.GetValue<string>() == "DELETE";
        if (isLate)
        {
            var kind = asked["kind"]!.DeepClone();
            asked.Remove("kind");
            asked["kind"] = kind;
        }

        asked["userInfo"] = new JsonObject { ["object"] = new JsonObject { ["spec"] = "x" } };
        var review = new JsonObject { ["kind"] = "AdmissionReview", ["request"] = asked, ["apiVersion"] = "v" };
        var body = JsonSerializer.SerializeToUtf8Bytes(review, isLate ? indented : compact);
        var length = ReviewExcerpt.TakeOut(body, 1000);
        using var document = JsonDocument.Parse(body.AsMemory(0, length), new JsonDocumentOptions { MaxDepth = 1000 });
        Assert.False(document.RootElement.GetProperty("request").TryGetProperty("userInfo", out _));
        return Review.Decide(document.RootElement.GetProperty("request"));
    }

    private static string Shown(PodVerdict verdict) =>
        $"{verdict.Result} {System.Text.Encoding.UTF8.GetString(AdmissionAnswer.WritePatch(verdict.Patch).Span)} {string.Join(';', verdict.Audit.OrderBy(static note => note.Key, StringComparer.Ordinal))}";

    /// <summary>What was created is not changed by a second review.</summary>
    private static bool IsSettled(JsonNode created, string operation)
    {
        if (operation != "CREATE")
        {
            return true;
        }

        using var document = JsonDocument.Parse(Reviewer.Request(created).ToJsonString());
        return Review.Decide(document.RootElement).Patch.Count == 0;
    }

    private static bool IsMeant(string path) =>
        path.StartsWith("/metadata/annotations", StringComparison.Ordinal)
        || (path.StartsWith("/spec/", StringComparison.Ordinal) && (path.EndsWith("/image", StringComparison.Ordinal) || path.EndsWith("/image/reference", StringComparison.Ordinal)));

    private static bool Equal(JsonNode left, JsonNode right) => JsonNode.DeepEquals(left, right);

    private static JsonNode WithoutImages(JsonNode pod)
    {
        var copy = pod.DeepClone();
        if (copy["metadata"] is JsonObject metadata)
        {
            if (metadata["annotations"] is JsonObject annotations)
            {
                annotations.Remove("millpond.dev/original-images");
            }

            if (metadata["annotations"] is null or JsonObject { Count: 0 })
            {
                metadata.Remove("annotations");
            }
        }

        foreach (var list in (string[])["containers", "initContainers", "ephemeralContainers", "volumes"])
        {
            foreach (var entry in copy["spec"]?[list] is JsonArray entries ? entries.OfType<JsonObject>() : [])
            {
                if (list != "volumes")
                {
                    entry.Remove("image");
                }
                else if (entry["image"] is JsonObject image)
                {
                    image.Remove("reference");
                }
            }
        }

        return copy;
    }

    private static Gen<JsonNode?> Node(int size)
    {
        var leaf = Gen.Frequency(
            (6, Gen.Elements(Texts).Select(text => (JsonNode?)JsonValue.Create(text))), (1, Gen.Elements(-1, 0, 7).Select(number => (JsonNode?)JsonValue.Create(number))),
            (1, Gen.Constant<JsonNode?>(null)), (1, Gen.Elements(true, false).Select(flag => (JsonNode?)JsonValue.Create(flag))));
        if (size < 2)
        {
            return leaf;
        }

        var smaller = Node(size / 4);
        var list = smaller.ArrayOf(3).Select(items => (JsonNode?)new JsonArray([.. items.Select(item => item?.DeepClone())]));
        var map = Gen.Elements(Keys).Zip(smaller).ArrayOf(4).Select(entries => (JsonNode?)new JsonObject(
            entries.DistinctBy(entry => entry.Item1).Select(entry => KeyValuePair.Create(entry.Item1, entry.Item2?.DeepClone()))));
        return Gen.Frequency((1, leaf), (2, list), (4, map));
    }

    /// <summary>Mostly a pod, with something strange in one place or another.</summary>
    private static Gen<JsonNode?> PodLike() =>
        from images in Gen.Elements(Texts).ArrayOf(3)
        from annotation in Gen.Elements(Keys[13..17])
        from value in Gen.Elements(Texts)
        from key in Gen.Elements(Keys)
        from strange in Nodes
        from volume in Gen.Elements(Texts)
        select (JsonNode?)Strange(Pods.With(images).Annotated((annotation, value)), key, strange, volume);

    private static JsonObject Strange(JsonObject pod, string key, JsonNode? strange, string volume)
    {
        pod["spec"]!["volumes"] = new JsonArray(new JsonObject { ["name"] = "v", ["image"] = new JsonObject { ["reference"] = volume } });
        var place = key switch
        {
            "metadata" or "spec" or "x" => pod,
            "annotations" or "namespace" => pod["metadata"]!.AsObject(),
            "image" or "name" or "imagePullPolicy" => pod["spec"]!["containers"]![0]!.AsObject(),
            "reference" or "pullPolicy" => pod["spec"]!["volumes"]![0]!["image"]!.AsObject(),
            "containers" or "initContainers" or "ephemeralContainers" or "volumes" => pod["spec"]!.AsObject(),
            _ => pod["metadata"]!["annotations"]!.AsObject(),
        };
        place[key] = strange?.DeepClone();
        return pod;
    }

    private static PodReview Make()
    {
        var configuration = new ServerConfiguration
        {
            Rules = [.. Preset.All.Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream })],
            Admission = new() { Registry = RegistryAddress.Parse(Reviewer.Registry) },
        };
        var rules = new RewriteRules(configuration.Admission.Registry!, RewriteMappings.Of(configuration, configuration.Admission.Tiers));
        return new PodReview(rules, new ReviewScope(configuration.Admission));
    }
}
