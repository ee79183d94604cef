namespace Millpond.Tests.Conformance;

/// <summary>What is refused, with which code.</summary>
internal static class ErrorScenarios
{
    private static readonly string[] WrongNames = ["UPPER", "a//b", "-a", "a-", "a..b", "a.-b", "_a", "a___b", "a%20b", "%C3%A9", "a%2F..%2Fb", "%D0%B0", $"{new string('a', 300)}"];

    /// <summary>Also of a cache.</summary>
    public static IEnumerable<Scenario> Pull =>
    [
        .. WrongNames.Select(name => Scenario.Of(Api.Errors, $"'{name[..Math.Min(name.Length, 20)]}' is no repository", async talk =>
        {
            foreach (var target in (string[])["manifests/latest", $"blobs/sha256:{new string('a', 64)}", "tags/list", $"referrers/sha256:{new string('a', 64)}"])
            {
                var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/{name}/{target}")).Expect(400, 404);
                answer.ExpectError("NAME_INVALID", "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_INVALID", "DIGEST_INVALID");
            }
        })),
        .. ((string[])[$"sha256:{new string('a', 63)}", $"sha256:{new string('A', 64)}", $"md5:{new string('a', 32)}", "latest", "sha256:"]).Select(digest =>
            Scenario.Of(Api.Errors, $"'{digest[..Math.Min(digest.Length, 12)]}' of {digest.Length} is no blob's digest", async talk =>
            {
                await talk.ProvideAsync(DataShapes.All[0]);
                (await talk.Registry.BlobAsync(talk.Repository, digest)).Expect(400, 404).ExpectError("DIGEST_INVALID", "BLOB_UNKNOWN", "NAME_INVALID");
            })),
        Scenario.Of(Api.Errors, "a manifest's reference that is neither tag nor digest", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            foreach (var reference in (string[])["sha256:abc", "-x", new string('a', 129), "%C3%A9", $"sha256:{new string('A', 64)}", "image%0A"])
            {
                (await talk.Registry.ManifestAsync(talk.Repository, reference)).Expect(400, 404).ExpectError("DIGEST_INVALID", "MANIFEST_UNKNOWN", "MANIFEST_INVALID", "NAME_INVALID", "NAME_UNKNOWN");
            }
        }),
        Scenario.Of(Api.Errors, "HEAD is refused without a body", async talk =>
        {
            var answer = (await talk.Registry.HeadAsync($"/v2/{talk.Repository}/none/manifests/latest")).Expect(404);
            Assert.Empty(answer.Body);
        }),
        Scenario.Of(Api.Errors, "a method that an endpoint has not", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            foreach (var (method, target) in ((string, string)[])
                [("POST", "tags/list"), ("DELETE", "tags/list"), ("PATCH", "manifests/latest"), ("POST", "manifests/latest"), ("PUT", $"referrers/sha256:{new string('a', 64)}")])
            {
                (await talk.Registry.SendAsync(new HttpMethod(method), $"/v2/{talk.Repository}/{target}")).Expect(405, 404, 400).ExpectError("UNSUPPORTED", "NAME_UNKNOWN", "NAME_INVALID");
            }
        }),
    ];

    public static IEnumerable<Scenario> Push =>
    [
        .. WrongNames.Select(name => Scenario.Of(Api.Errors, $"nothing is pushed to '{name[..Math.Min(name.Length, 20)]}'", async talk =>
        {
            var target = $"/v2/{talk.Repository}/{name}";
            (await talk.Registry.PostAsync($"{target}/blobs/uploads/")).Expect(400, 404).ExpectError("NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED", "DIGEST_INVALID");
            var manifest = DataShapes.All[0].Manifests[0].Manifest;
            (await talk.Registry.PutManifestAsync($"{talk.Repository}/{name}", "latest", manifest.MediaType, manifest.Content)).Expect(400, 404)
                .ExpectError("NAME_INVALID", "NAME_UNKNOWN", "UNSUPPORTED", "MANIFEST_INVALID");
        })),
        Scenario.Of(Api.Errors, "a blob's name is its digest", async talk =>
            (await talk.Registry.SendAsync(HttpMethod.Put, $"/v2/{talk.Repository}/blobs/sha256:{new string('a', 64)}", RegistryUnderTest.Octets(new byte[5])))
                .Expect(405, 404, 400).ExpectError("UNSUPPORTED", "NAME_UNKNOWN")),
        Scenario.Of(Api.Errors, "what is deleted is no tag list", async talk =>
        {
            await talk.ProvideAsync(DataShapes.All[0]);
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/latest")).Expect(400, 404, 405).ExpectError("DIGEST_INVALID", "BLOB_UNKNOWN", "UNSUPPORTED");
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/sha256:abc")).Expect(400, 404).ExpectError("DIGEST_INVALID", "MANIFEST_INVALID", "MANIFEST_UNKNOWN");
        }),
    ];
}
