using System.Text;
using System.Text.Json.Nodes;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>Manifests beyond the well-formed ones: wrong digests, missing children, wrong JSON, sizes, tags that move.</summary>
internal static class ManifestPushScenarios
{
    private const int FourMebibytes = 4 << 20;

    public static IEnumerable<Scenario> All => [.. Digests, .. Children, .. Contents, .. Tags, .. Deletes];

    private static IEnumerable<Scenario> Digests =>
        ((string[])["sha256", "sha512"]).SelectMany(algorithm => (Scenario[])
        [
            Scenario.Of(Api.ManifestPush, $"by the {algorithm} digest of other bytes", async talk =>
            {
                var (_, manifest) = await HaveAsync(talk);
                var wrong = new ShapeBuilder(talk.Repository, algorithm).Missing();
                (await PutAsync(talk, wrong, manifest)).Expect(400).ExpectError("DIGEST_INVALID");
                await talk.AssertNoManifestAsync(talk.Repository, wrong);
                await talk.AssertNoManifestAsync(talk.Repository, manifest.Digest);
            }),
            Scenario.Of(Api.ManifestPush, $"by its {algorithm} digest with one blank more", async talk =>
            {
                var (_, manifest) = await HaveAsync(talk, algorithm);
                (await PutAsync(talk, manifest.Digest, manifest with { Content = [.. manifest.Content, (byte)' '] })).Expect(400).ExpectError("DIGEST_INVALID");
                await talk.AssertNoManifestAsync(talk.Repository, manifest.Digest);
            }),
        ]);

    private static IEnumerable<Scenario> Children =>
    [
        Scenario.Of(Api.ManifestPush, "without its blobs", async talk =>
        {
            var shape = DataShapes.All[0];
            await RefusedAsync(talk, shape.Manifests[0].Manifest);
        }),
        Scenario.Of(Api.ManifestPush, "with one blob missing", async talk =>
        {
            var shape = DataShapes.All[0];
            await (shape with { Blobs = [.. shape.Blobs.Skip(1)], Manifests = [] }).PushAsync(talk.Registry, talk.Repository);
            await RefusedAsync(talk, shape.Manifests[0].Manifest);
        }),
        Scenario.Of(Api.ManifestPush, "its blobs are in another repository only", async talk =>
        {
            var shape = DataShapes.All[0];
            await shape.PushAsync(talk.Registry, talk.Other);
            await RefusedAsync(talk, shape.Manifests[0].Manifest);
        }),
        Scenario.Of(Api.ManifestPush, "an index without its children", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "index");
            await RefusedAsync(talk, shape.Manifests[^1].Manifest);
        }),
        Scenario.Of(Api.ManifestPush, "a blob that was deleted is missing", async talk =>
        {
            var shape = DataShapes.All[0];
            await (shape with { Manifests = [] }).PushAsync(talk.Registry, talk.Repository);
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/{shape.Blobs[1].Digest}")).Expect(202);
            await RefusedAsync(talk, shape.Manifests[0].Manifest);
        }),
        Scenario.Of(Api.ManifestPush, "a layer without a URL is demanded, whatever its type", async talk =>
        {
            var builder = new ShapeBuilder(talk.Repository);
            builder.Image(layers: [ShapeBuilder.Descriptor(ShapeBuilder.LayerType, TestBlob.Of("never pushed"))]);
            var shape = builder.Build();
            await (shape with { Manifests = [] }).PushAsync(talk.Registry, talk.Repository);
            await RefusedAsync(talk, shape.Manifests[0].Manifest);
        }),
    ];

    private static IEnumerable<Scenario> Contents =>
    [
        .. ((string[])["", "{", "null", "[]", "\"text\"", "{\"schemaVersion\":2,\"config\":7}", "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:abc\",\"size\":1},\"layers\":[]}", "\u0000"])
            .Select(text => Scenario.Of(Api.ManifestPush, $"'{text}' is no manifest", async talk =>
            {
                await HaveAsync(talk);
                var answer = await talk.Registry.PutManifestAsync(talk.Repository, "wrong", TestImages.OciManifest, Encoding.UTF8.GetBytes(text));
                answer.Expect(400).ExpectError("MANIFEST_INVALID", "DIGEST_INVALID");
                await talk.AssertNoManifestAsync(talk.Repository, "wrong");
            })),
        Scenario.Of(Api.ManifestPush, "its mediaType is another than its Content-Type", async talk =>
        {
            var (_, manifest) = await HaveAsync(talk);
            (await talk.Registry.PutManifestAsync(talk.Repository, "wrong", TestImages.OciIndex, manifest.Content)).Expect(400).ExpectError("MANIFEST_INVALID");
        }),
        Scenario.Of(Api.ManifestPush, "parameters of the Content-Type are ignored", async talk =>
        {
            var (_, manifest) = await HaveAsync(talk);
            (await talk.Registry.PutManifestAsync(talk.Repository, "typed", $"{manifest.MediaType}; charset=utf-8", manifest.Content)).Expect(201);
            await talk.AssertManifestAsync(talk.Repository, "typed", manifest);
        }),
        Scenario.Of(Api.ManifestPush, "without a mediaType of its own", async talk =>
        {
            var (_, whole) = await HaveAsync(talk);
            var bare = JsonNode.Parse(whole.Content)!.AsObject();
            bare.Remove("mediaType");
            var manifest = TestManifest.Of(TestImages.OciManifest, bare);
            (await PutAsync(talk, "bare", manifest)).Expect(201);
            await talk.AssertManifestAsync(talk.Repository, "bare", manifest);
        }),
        Scenario.Of(Api.ManifestPush, "of 4 MiB", async talk =>
        {
            var manifest = await PaddedAsync(talk, FourMebibytes);
            (await PutAsync(talk, "largest", manifest)).Expect(201);
            await talk.AssertManifestAsync(talk.Repository, "largest", manifest);
        }),
        Scenario.Of(Api.ManifestPush, "of a byte more", async talk =>
        {
            var manifest = await PaddedAsync(talk, FourMebibytes + 1);
            (await PutAsync(talk, "too-large", manifest)).Expect(413).ExpectError("SIZE_INVALID", "MANIFEST_INVALID");
            await talk.AssertNoManifestAsync(talk.Repository, "too-large");
        }),
        Scenario.Of(Api.ManifestPush, "of a byte more, its length not said", async talk =>
        {
            var manifest = await PaddedAsync(talk, FourMebibytes + 1);
            var body = RegistryUnderTest.Stream(manifest.Content);
            body.Headers.ContentType = new(manifest.MediaType);
            (await talk.Registry.PutAsync($"/v2/{talk.Repository}/manifests/too-large", body)).Expect(413).ExpectError("SIZE_INVALID", "MANIFEST_INVALID");
            await talk.AssertNoManifestAsync(talk.Repository, "too-large");
        }),
    ];

    private static IEnumerable<Scenario> Tags =>
    [
        .. ((string[])["-dash", ".dot", "a b", "a%2Fb", $"{new string('a', 129)}", "%C3%A9", "%D1%82ag", "tag%0A"]).Select(tag =>
            Scenario.Of(Api.ManifestPush, $"'{tag[..Math.Min(tag.Length, 20)]}' is no tag", async talk =>
            {
                var (_, manifest) = await HaveAsync(talk);
                (await PutAsync(talk, tag, manifest)).Expect(400, 404).ExpectError("MANIFEST_INVALID", "NAME_INVALID", "NAME_UNKNOWN", "DIGEST_INVALID", "UNSUPPORTED", "MANIFEST_UNKNOWN");
            })),
        .. ((string[])["_", "A", "9.9-_.", new string('t', 128)]).Select(tag => Scenario.Of(Api.ManifestPush, $"'{tag[..Math.Min(tag.Length, 20)]}' is a tag", async talk =>
        {
            var (_, manifest) = await HaveAsync(talk);
            (await PutAsync(talk, tag, manifest)).Expect(201);
            await talk.AssertManifestAsync(talk.Repository, tag, manifest);
        })),
        Scenario.Of(Api.ManifestPush, "a tag moves, and what it named stays", async talk =>
        {
            var shape = DataShapes.All.Single(shape => shape.Name == "index");
            await shape.PushAsync(talk.Registry, talk.Repository);
            foreach (var manifest in shape.Manifests.Concat(shape.Manifests.Reverse()))
            {
                (await PutAsync(talk, "moving", manifest.Manifest)).Expect(201);
                await talk.AssertManifestAsync(talk.Repository, "moving", manifest.Manifest);
            }

            foreach (var manifest in shape.Manifests)
            {
                await talk.AssertManifestAsync(talk.Repository, manifest.Digest, manifest.Manifest);
            }
        }),
        Scenario.Of(Api.ManifestPush, "a pushed manifest is the repository's alone", async talk =>
        {
            var (shape, manifest) = await HaveAsync(talk);
            (await PutAsync(talk, manifest.Digest, manifest)).Expect(201);
            await (shape with { Manifests = [] }).PushAsync(talk.Registry, talk.Other);
            await talk.AssertNoManifestAsync(talk.Other, manifest.Digest);
        }),
        Scenario.Of(Api.ManifestPush, "with tags in the query, where they are taken", async talk =>
        {
            var (_, manifest) = await HaveAsync(talk);
            string[] tags = [.. Enumerable.Range(1, 10).Select(number => $"t{number}")];
            var answer = (await PutAsync(talk, $"{manifest.Digest}?{string.Join('&', tags.Select(tag => $"tag={tag}"))}", manifest)).Expect(201, 414);
            foreach (var tag in answer.Headers["OCI-Tag"].SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries)))
            {
                Assert.Contains(tag, tags);
                await talk.AssertManifestAsync(talk.Repository, tag, manifest);
            }
        }),
    ];

    private static IEnumerable<Scenario> Deletes =>
    [
        Scenario.Of(Api.ManifestDelete, "with it go all its tags", async talk =>
        {
            var (_, manifest) = await HaveAsync(talk);
            (await PutAsync(talk, "one", manifest)).Expect(201);
            (await PutAsync(talk, "two", manifest)).Expect(201);
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/{manifest.Digest}")).Expect(202);
            await talk.AssertNoManifestAsync(talk.Repository, "one");
            await talk.AssertNoManifestAsync(talk.Repository, "two");
            await talk.AssertNoManifestAsync(talk.Repository, manifest.Digest);
            (await PutAsync(talk, "one", manifest)).Expect(201);
            await talk.AssertManifestAsync(talk.Repository, "one", manifest);
        }),
        Scenario.Of(Api.ManifestDelete, "another repository keeps its own", async talk =>
        {
            var shape = DataShapes.All[0];
            await shape.PushAsync(talk.Registry, talk.Repository);
            await shape.PushAsync(talk.Registry, talk.Other);
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/{shape.Manifests[0].Digest}")).Expect(202);
            foreach (var blob in shape.Blobs)
            {
                (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/{blob.Digest}")).Expect(202);
            }

            await talk.AssertManifestAsync(talk.Other, shape.Manifests[0].Tag!, shape.Manifests[0].Manifest);
            foreach (var blob in shape.Blobs)
            {
                await talk.AssertBlobAsync(talk.Other, blob.Digest, blob.ToArray());
            }
        }),
        Scenario.Of(Api.ManifestDelete, "of a repository nobody knows", async talk =>
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/none/manifests/{DataShapes.All[0].Manifests[0].Digest}")).Expect(404).ExpectError("NAME_UNKNOWN", "MANIFEST_UNKNOWN")),
        Scenario.Of(Api.TagDelete, "of a repository nobody knows", async talk =>
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/none/manifests/latest")).Expect(404).ExpectError("NAME_UNKNOWN", "MANIFEST_UNKNOWN")),
        Scenario.Of(Api.BlobDelete, "of a repository nobody knows", async talk =>
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/none/blobs/{DataShapes.All[0].Blobs[0].Digest}")).Expect(404).ExpectError("NAME_UNKNOWN", "BLOB_UNKNOWN")),
        Scenario.Of(Api.BlobDelete, "it can be pushed again", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", 2048);
            foreach (var _ in (int[])[1, 2, 3])
            {
                await talk.Registry.PushAsync(talk.Repository, content, digest);
                await talk.AssertBlobAsync(talk.Repository, digest, content);
                (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/{digest}")).Expect(202);
                await talk.AssertNoBlobAsync(talk.Repository, digest);
            }
        }),
    ];

    /// <summary>An image whose blobs are there, and which is not.</summary>
    private static async Task<(DataShape Shape, TestManifest Manifest)> HaveAsync(Conversation talk, string algorithm = "sha256")
    {
        var builder = new ShapeBuilder(talk.Repository, algorithm);
        var manifest = builder.Image();
        var shape = builder.Build();
        await (shape with { Manifests = [] }).PushAsync(talk.Registry, talk.Repository);
        return (shape, manifest);
    }

    private static async Task<TestManifest> PaddedAsync(Conversation talk, int length)
    {
        var (_, manifest) = await HaveAsync(talk);
        return new(manifest.MediaType, [.. manifest.Content, .. Enumerable.Repeat((byte)' ', length - manifest.Content.Length)]);
    }

    private static async Task RefusedAsync(Conversation talk, TestManifest manifest)
    {
        (await PutAsync(talk, "refused", manifest)).Expect(400, 404).ExpectError("MANIFEST_BLOB_UNKNOWN");
        await talk.AssertNoManifestAsync(talk.Repository, "refused");
        await talk.AssertNoManifestAsync(talk.Repository, manifest.Digest);
    }

    private static Task<Answer> PutAsync(Conversation talk, object reference, TestManifest manifest) =>
        talk.Registry.PutManifestAsync(talk.Repository, reference, manifest.MediaType, manifest.Content);
}
