using System.Text.Json.Nodes;
using Millpond.Images;

namespace Millpond.Tests.Conformance;

/// <summary>Each kind of content, from its push to its deletion; or only what can be asked of it, where it is behind a cache.</summary>
internal static class ShapeScenarios
{
    public static IEnumerable<Scenario> Whole(IEnumerable<DataShape> shapes) => shapes.Select(shape => new Scenario(shape.Name, async talk =>
    {
        await PushAsync(talk, shape);
        await PullAsync(talk, shape);
        await DeleteTagsAsync(talk, shape);
        await DeleteManifestsAsync(talk, shape);
        await DeleteBlobsAsync(talk, shape);
    }));

    public static IEnumerable<Scenario> ReadOnly(IEnumerable<DataShape> shapes) => shapes.Select(shape => new Scenario(shape.Name, async talk =>
    {
        await talk.ProvideAsync(shape);
        await PullAsync(talk, shape);
    }));

    private static async Task PushAsync(Conversation talk, DataShape shape)
    {
        var ways = PushWays.All;
        foreach (var (blob, number) in shape.Blobs.Select((blob, number) => (blob, number)))
        {
            // Another way for each blob: no way may depend on what the content is for.
            var way = ways[number % ways.Count];
            await talk.CheckAsync(PushWays.ApiOf(way), $"push blob {number}", async () =>
                (await talk.Registry.PushAsync(talk.Repository, way, blob.ToArray(), blob.Digest)).Expect(201).ExpectHeader("Docker-Content-Digest", blob.Digest.ToString()));
        }

        foreach (var manifest in shape.Manifests)
        {
            await talk.CheckAsync(Api.ManifestPush, $"push {manifest.Manifest.MediaType} by digest", () => PutAsync(talk, manifest, manifest.Digest));
            if (manifest.Tag is not null)
            {
                await talk.CheckAsync(Api.ManifestPush, $"push {manifest.Manifest.MediaType} by tag", () => PutAsync(talk, manifest, manifest.Tag));
            }
        }
    }

    private static async Task PutAsync(Conversation talk, ShapeManifest manifest, object reference)
    {
        var (mediaType, content) = (manifest.Manifest.MediaType, manifest.Manifest.Content);
        var answer = (await talk.Registry.PutManifestAsync(talk.Repository, reference, mediaType, content)).Expect(201);
        var said = answer.Header("Docker-Content-Digest");
        if (said != (reference is Digest ? manifest.Digest : Digest.Sha256(content)).ToString())
        {
            throw answer.Wrong("Docker-Content-Digest is not the manifest's");
        }

        if (manifest.Manifest.Subject is { } subject)
        {
            answer.ExpectHeader("OCI-Subject", subject.ToString());
        }
        else
        {
            answer.ExpectNoHeader("OCI-Subject");
        }

        (await talk.Registry.SendAsync(HttpMethod.Get, answer.Header("Location"), null, ("Accept", "*/*"))).Expect(200).ExpectBody(content);
    }

    private static async Task PullAsync(Conversation talk, DataShape shape)
    {
        await talk.CheckAsync(Api.TagList, "list", async () =>
        {
            var list = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/tags/list")).Expect(200);
            TagScenarios.AssertTags(list, talk.Repository, shape.Tags);
        });
        foreach (var manifest in shape.Manifests)
        {
            await talk.CheckAsync(Api.ManifestPull, $"pull {manifest.Manifest.MediaType} by digest", () => talk.AssertManifestAsync(talk.Repository, manifest.Digest, manifest.Manifest));
            if (manifest.Tag is not null)
            {
                await talk.CheckAsync(Api.ManifestPull, $"pull {manifest.Manifest.MediaType} by tag", () => talk.AssertManifestAsync(talk.Repository, manifest.Tag, manifest.Manifest));
            }
        }

        foreach (var blob in shape.Blobs)
        {
            await talk.CheckAsync(Api.BlobPull, $"pull a blob of {blob.Length}", () => talk.AssertBlobAsync(talk.Repository, blob.Digest, blob.ToArray()));
        }

        foreach (var subject in shape.Manifests.Select(manifest => manifest.Digest).Concat(shape.Referrers.Select(group => group.Key)).Distinct())
        {
            await ReferrersAsync(talk, subject, [.. shape.Referrers[subject]]);
        }
    }

    private static async Task ReferrersAsync(Conversation talk, Digest subject, IReadOnlyList<ShapeManifest> referrers)
    {
        var target = $"/v2/{talk.Repository}/referrers/{subject}";
        await talk.CheckAsync(Api.Referrers, $"all {referrers.Count}", async () =>
            AssertReferrers((await talk.Registry.GetAsync(target)).ExpectNoHeader("OCI-Filters-Applied"), referrers));
        foreach (var type in referrers.Select(ReferrerScenarios.ArtifactTypeOf).Append("application/vnd.example.none").Where(type => type is not null).Distinct())
        {
            await talk.CheckAsync(Api.Referrers, $"those of {type}", async () =>
            {
                var answer = await talk.Registry.GetAsync($"{target}?artifactType={Uri.EscapeDataString(type!)}");
                AssertReferrers(answer.ExpectHeader("OCI-Filters-Applied", "artifactType"), [.. referrers.Where(referrer => ReferrerScenarios.ArtifactTypeOf(referrer) == type)]);
            });
        }
    }

    private static void AssertReferrers(Answer answer, IReadOnlyList<ShapeManifest> referrers) => ReferrerScenarios.AssertReferrers(answer, referrers);

    private static async Task DeleteTagsAsync(Conversation talk, DataShape shape)
    {
        foreach (var tagged in shape.Manifests.Where(manifest => manifest.Tag is not null))
        {
            await talk.CheckAsync(Api.TagDelete, "delete", async () => (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/{tagged.Tag}")).Expect(202));
            await talk.CheckAsync(Api.TagDelete, "is gone", () => talk.AssertNoManifestAsync(talk.Repository, tagged.Tag!));
            await talk.CheckAsync(Api.TagDelete, "its manifest is not", () => talk.AssertManifestAsync(talk.Repository, tagged.Digest, tagged.Manifest));
            await talk.CheckAsync(Api.TagDelete, "again", async () =>
                (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/manifests/{tagged.Tag}")).Expect(404).ExpectError("MANIFEST_UNKNOWN"));
        }

        await talk.CheckAsync(Api.TagList, "list after the tags are gone", async () =>
            TagScenarios.AssertTags((await talk.Registry.GetAsync($"/v2/{talk.Repository}/tags/list")).Expect(200), talk.Repository, []));
    }

    private static async Task DeleteManifestsAsync(Conversation talk, DataShape shape)
    {
        foreach (var manifest in shape.Manifests.Reverse())
        {
            var target = $"/v2/{talk.Repository}/manifests/{manifest.Digest}";
            await talk.CheckAsync(Api.ManifestDelete, $"delete {manifest.Manifest.MediaType}", async () => (await talk.Registry.DeleteAsync(target)).Expect(202));
            await talk.CheckAsync(Api.ManifestDelete, "is gone", () => talk.AssertNoManifestAsync(talk.Repository, manifest.Digest));
            await talk.CheckAsync(Api.ManifestDelete, "again", async () => (await talk.Registry.DeleteAsync(target)).Expect(404).ExpectError("MANIFEST_UNKNOWN", "NAME_UNKNOWN"));
            if (manifest.Manifest.Subject is { } subject)
            {
                await talk.CheckAsync(Api.Referrers, "a deleted one is not listed", async () =>
                {
                    var list = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/referrers/{subject}")).Expect(200);
                    if (list.Json["manifests"] is not JsonArray left || left.Any(entry => (string?)entry!["digest"] == manifest.Digest.ToString()))
                    {
                        throw list.Wrong("the deleted referrer is still listed");
                    }
                });
            }
        }
    }

    private static async Task DeleteBlobsAsync(Conversation talk, DataShape shape)
    {
        foreach (var blob in shape.Blobs)
        {
            var target = $"/v2/{talk.Repository}/blobs/{blob.Digest}";
            await talk.CheckAsync(Api.BlobDelete, "delete", async () => (await talk.Registry.DeleteAsync(target)).Expect(202));
            await talk.CheckAsync(Api.BlobDelete, "is gone", () => talk.AssertNoBlobAsync(talk.Repository, blob.Digest));
            await talk.CheckAsync(Api.BlobDelete, "again", async () => (await talk.Registry.DeleteAsync(target)).Expect(404).ExpectError("BLOB_UNKNOWN", "NAME_UNKNOWN"));
        }
    }
}
