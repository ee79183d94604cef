using System.Globalization;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Conformance;

/// <summary>What can be asked of any registry that has content; also of a cache.</summary>
internal static class PullScenarios
{
    private const int Length = 2048;

    public static IEnumerable<Scenario> All =>
    [
        Scenario.Of(Api.Support, "GET", async talk => (await talk.Registry.GetAsync("/v2/")).Expect(200)),
        Scenario.Of(Api.Support, "GET without the slash", async talk => (await talk.Registry.GetAsync("/v2")).Expect(200, 301, 308)),
        .. ((string[])["sha256", "sha512"]).SelectMany(Ranges),
        Scenario.Of(Api.BlobPull, "a digest nobody knows", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            await talk.AssertNoBlobAsync(talk.Repository, new ShapeBuilder(talk.Repository).Missing());
            await talk.AssertNoBlobAsync(talk.Repository, new ShapeBuilder(talk.Repository, "sha512").Missing());
        }),
        Scenario.Of(Api.BlobPull, "of a repository nobody knows", talk => talk.AssertNoBlobAsync($"{talk.Repository}/none", DataShapes.All[0].Blobs[0].Digest)),
        Scenario.Of(Api.BlobPull, "If-None-Match of its own tag, where it has one", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            var target = $"/v2/{talk.Repository}/blobs/{DataShapes.All[0].Blobs[0].Digest}";
            if ((await talk.Registry.GetAsync(target)).Expect(200).HeaderOrNull("ETag") is { } tag)
            {
                (await talk.Registry.GetAsync(target, ("If-None-Match", tag))).Expect(304);
            }
        }),
        Scenario.Of(Api.ManifestPull, "a tag and a digest nobody knows", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            await talk.AssertNoManifestAsync(talk.Repository, "no-such-tag");
            await talk.AssertNoManifestAsync(talk.Repository, new ShapeBuilder(talk.Repository).Missing());
            await talk.AssertNoManifestAsync(talk.Repository, new ShapeBuilder(talk.Repository, "sha512").Missing());
        }),
        Scenario.Of(Api.ManifestPull, "of a repository nobody knows", talk => talk.AssertNoManifestAsync($"{talk.Repository}/none", "latest")),
        Scenario.Of(Api.ManifestPull, "a blob's digest is no manifest", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            await talk.AssertNoManifestAsync(talk.Repository, DataShapes.All[0].Blobs[1].Digest);
        }),
        Scenario.Of(Api.ManifestPull, "a type that nobody listed is sent as it is, or not at all", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            var manifest = DataShapes.All[0].Manifests[0].Manifest;
            var answer = await talk.Registry.SendAsync(HttpMethod.Get, $"/v2/{talk.Repository}/manifests/image", null, ("Accept", TestImages.OciIndex));
            if (answer.Expect(200, 404, 406).Is(200))
            {
                answer.ExpectHeader("Content-Type", manifest.MediaType).ExpectBody(manifest.Content);
            }
        }),
    ];

    private static IEnumerable<Scenario> Ranges(string algorithm)
    {
        var shape = new ShapeBuilder("ranges", algorithm);
        var blob = shape.Unique(Length);
        shape.Image(layers: [ShapeBuilder.Descriptor(ShapeBuilder.LayerType, blob)]);
        var built = shape.Build();
        Scenario Part(string range, int from, int to) => Scenario.Of(Api.BlobRange, $"{range} of a {algorithm} blob", async talk =>
        {
            await talk.ProvideAsync(built);
            var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/blobs/{blob.Digest}", ("Range", $"bytes={range}"))).Expect(206);
            answer.ExpectHeader("Content-Range", string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{Length}"));
            answer.ExpectHeader("Content-Length", $"{to - from + 1}").ExpectBody(blob.ToArray().AsSpan(from..(to + 1)));
        });
        Scenario Refused(string range, params int[] statuses) => Scenario.Of(Api.BlobRange, $"{range} of a {algorithm} blob", async talk =>
        {
            await talk.ProvideAsync(built);
            var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/blobs/{blob.Digest}", ("Range", $"bytes={range}"))).Expect(statuses);
            if (answer.Is(200))
            {
                answer.ExpectBody(blob.ToArray());
            }
            else if (answer.HeaderOrNull("Content-Range") is { } said && said != $"bytes */{Length}")
            {
                throw answer.Wrong("a refused range says how long the blob is");
            }
        });
        return
        [
            Part("500-1499", 500, 1499), Part("500-", 500, Length - 1), Part("-500", Length - 500, Length - 1), Part("2000-5000", 2000, Length - 1),
            Part("0-0", 0, 0), Part("2047-2047", 2047, 2047), Part("0-2047", 0, 2047), Part("-5000", 0, Length - 1),
            Refused("5000-10000", 416), Refused("2048-", 416), Refused("500-0", 416, 200), Refused("x-y", 200, 416),
        ];
    }
}
