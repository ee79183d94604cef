using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>Referrers beyond those of one shape.</summary>
internal static class ReferrerScenarios
{
    private const string IndexType = "application/vnd.oci.image.index.v1+json";

    /// <summary>Also of a cache.</summary>
    public static IEnumerable<Scenario> Pull =>
    [
        Scenario.Of(Api.Referrers, "of a digest nobody knows", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            AssertReferrers(await talk.Registry.GetAsync($"/v2/{talk.Repository}/referrers/{new ShapeBuilder(talk.Repository).Missing()}"), []);
        }),
        Scenario.Of(Api.Referrers, "of what is no digest", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            foreach (var wrong in (string[])["sha256:short", "latest", "sha256:", "md5:d41d8cd98f00b204e9800998ecf8427e", $"sha256:{new string('A', 64)}", $"sha256:{new string('a', 63)}%C3%A9"])
            {
                (await talk.Registry.GetAsync($"/v2/{talk.Repository}/referrers/{wrong}")).Expect(400).ExpectError("DIGEST_INVALID", "MANIFEST_INVALID", "UNSUPPORTED");
            }
        }),
        Scenario.Of(Api.Referrers, "HEAD", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "subject");
            await talk.ProvideAsync(shape);
            (await talk.Registry.HeadAsync($"/v2/{talk.Repository}/referrers/{shape.Manifests[0].Digest}")).Expect(200).ExpectHeader("Content-Type", IndexType);
        }),
    ];

    public static IEnumerable<Scenario> Push =>
    [
        Scenario.Of(Api.Referrers, "of a repository nobody knows", async talk =>
            AssertReferrers(await talk.Registry.GetAsync($"/v2/{talk.Repository}/none/referrers/{new ShapeBuilder(talk.Repository).Missing()}"), [])),
        Scenario.Of(Api.Referrers, "the referrer first, its subject later", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "subject");
            var late = shape.Manifests[0];
            await (shape with { Manifests = [.. shape.Manifests.Skip(1)] }).PushAsync(talk.Registry, talk.Repository);
            var target = $"/v2/{talk.Repository}/referrers/{late.Digest}";
            AssertReferrers(await talk.Registry.GetAsync(target), [.. shape.Referrers[late.Digest]]);
            (await talk.Registry.PutManifestAsync(talk.Repository, "late", late.Manifest.MediaType, late.Manifest.Content)).Expect(201);
            AssertReferrers(await talk.Registry.GetAsync(target), [.. shape.Referrers[late.Digest]]);
        }),
        Scenario.Of(Api.Referrers, "they outlive their subject", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "subject");
            await shape.PushAsync(talk.Registry, talk.Repository);
            var subject = shape.Manifests[0].Digest;
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/{subject}")).Expect(202);
            AssertReferrers(await talk.Registry.GetAsync($"/v2/{talk.Repository}/referrers/{subject}"), [.. shape.Referrers[subject]]);
        }),
        Scenario.Of(Api.Referrers, "another repository has its own", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "subject");
            await shape.PushAsync(talk.Registry, talk.Repository);
            await (shape with { Manifests = [shape.Manifests[0], shape.Manifests[1]] }).PushAsync(talk.Registry, talk.Other);
            AssertReferrers(await talk.Registry.GetAsync($"/v2/{talk.Other}/referrers/{shape.Manifests[0].Digest}"), [shape.Manifests[1]]);
        }),
        Scenario.Of(Api.Referrers, "a hundred at once are all listed", async talk =>
        {
            var shape = new ShapeBuilder(talk.Repository);
            var subject = shape.Image();
            foreach (var _ in Enumerable.Range(0, 100))
            {
                shape.Artifact(DataShapes.SbomType, subject: subject, noLayers: true);
            }

            var built = shape.Build();
            await (built with { Manifests = [] }).PushAsync(talk.Registry, talk.Repository);
            await Task.WhenAll(built.Manifests.Select(async manifest =>
                (await talk.Registry.PutManifestAsync(talk.Repository, manifest.Digest, manifest.Manifest.MediaType, manifest.Manifest.Content)).Expect(201)));
            await AssertAllPagesAsync(talk, $"/v2/{talk.Repository}/referrers/{subject.Digest}", built.Referrers[subject.Digest].Select(manifest => manifest.Digest));
        }),
    ];

    public static string? ArtifactTypeOf(ShapeManifest manifest) =>
        (string?)manifest.Json["artifactType"] ?? (manifest.Manifest.MediaType == TestImages.OciIndex ? null : (string?)manifest.Json["config"]?["mediaType"]);

    /// <summary>An index of exactly these, each as its manifest says.</summary>
    public static void AssertReferrers(Answer answer, IReadOnlyList<ShapeManifest> referrers)
    {
        answer.Expect(200).ExpectHeader("Content-Type", IndexType);
        var index = answer.Json;
        if ((int?)index["schemaVersion"] != 2 || (string?)index["mediaType"] != IndexType || index["manifests"] is not JsonArray listed)
        {
            throw answer.Wrong("this is no image index");
        }

        var expected = referrers.ToDictionary(referrer => referrer.Digest.ToString());
        if (listed.Count != expected.Count)
        {
            throw answer.Wrong($"{expected.Count} referrers were expected, {listed.Count} are listed");
        }

        foreach (var entry in listed)
        {
            if (!expected.Remove((string?)entry!["digest"] ?? "", out var referrer))
            {
                throw answer.Wrong($"{entry["digest"]} is no referrer, or is listed twice");
            }

            if ((string?)entry["mediaType"] != referrer.Manifest.MediaType || (long?)entry["size"] != referrer.Manifest.Content.Length
                || (string?)entry["artifactType"] != ArtifactTypeOf(referrer) || !JsonNode.DeepEquals(entry["annotations"], referrer.Json["annotations"]))
            {
                throw answer.Wrong($"the entry of {referrer.Digest} does not say what its manifest does");
            }

            if (entry.AsObject().ContainsKey("artifactType") && ArtifactTypeOf(referrer) is null)
            {
                throw answer.Wrong("artifactType must be left out where an index has none");
            }
        }
    }

    private static async Task AssertAllPagesAsync(Conversation talk, string target, IEnumerable<Digest> expected)
    {
        List<string?> seen = [];
        for (string? next = target; next is not null;)
        {
            var page = (await talk.Registry.GetAsync(next)).Expect(200);
            seen.AddRange(page.Json["manifests"]!.AsArray().Select(entry => (string?)entry!["digest"]));
            next = TagScenarios.NextOf(page);
        }

        Assert.Equal(expected.Select(digest => digest.ToString()).Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }
}
