namespace Millpond.Tests.Conformance;

/// <summary>What only a cache does: it takes no push, and a deletion lasts until the next pull.</summary>
internal static class CacheScenarios
{
    /// <param name="rule">The prefix that a refusal must name.</param>
    public static IEnumerable<Scenario> Of(string rule) =>
    [
        .. PushWays.All.Select(way => Scenario.Of(PushWays.ApiOf(way), $"{way} is refused", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", 2048);
            var begin = way == PushWay.SinglePost ? $"?{Upload.Query(digest)}" : "";
            AssertDenied(await talk.Registry.PostAsync($"/v2/{talk.Repository}/blobs/uploads/{begin}", way == PushWay.SinglePost ? RegistryUnderTest.Octets(content) : null), rule);
        })),
        Scenario.Of(Api.Mount, "is refused", async talk =>
        {
            var shape = DataShapes.All[0];
            await talk.ProvideAsync(shape);
            AssertDenied(await talk.Registry.PostAsync($"/v2/{talk.Other}/blobs/uploads/?mount={shape.Blobs[0].Digest}&from={talk.Repository}"), rule);
        }),
        Scenario.Of(Api.ManifestPush, "is refused, by tag and by digest", async talk =>
        {
            var manifest = DataShapes.All[0].Manifests[0];
            foreach (var reference in (object[])["image", manifest.Digest])
            {
                AssertDenied(await talk.Registry.PutManifestAsync(talk.Repository, reference, manifest.Manifest.MediaType, manifest.Manifest.Content), rule);
            }
        }),
        Deleted(Api.TagDelete, "manifests", shape => shape.Manifests[0].Tag!),
        Deleted(Api.ManifestDelete, "manifests", shape => shape.Manifests[0].Digest.ToString()),
        Deleted(Api.BlobDelete, "blobs", shape => shape.Blobs[^1].Digest.ToString()),
    ];

    private static Scenario Deleted(Api api, string kind, Func<DataShape, string> reference) => Scenario.Of(api, "it is dropped, and pulled again", async talk =>
    {
        var shape = DataShapes.All[0];
        await talk.ProvideAsync(shape);
        var target = $"/v2/{talk.Repository}/{kind}/{reference(shape)}";
        foreach (var _ in (int[])[1, 2])
        {
            (await talk.Registry.SendAsync(HttpMethod.Get, target, null, ("Accept", "*/*"))).Expect(200);
            (await talk.Registry.DeleteAsync(target)).Expect(202);
        }

        (await talk.Registry.SendAsync(HttpMethod.Get, target, null, ("Accept", "*/*"))).Expect(200);
    });

    private static void AssertDenied(Answer answer, string rule)
    {
        answer.Expect(403).ExpectError("DENIED");
        if ((string?)answer.Json["errors"]![0]!["detail"]?["rule"] != rule)
        {
            throw answer.Wrong($"the refusal does not name the rule {rule}");
        }
    }
}
