using Millpond.Images;

namespace Millpond.Tests.Conformance;

/// <summary>Blobs that are taken over from another repository.</summary>
internal static class MountScenarios
{
    public static IEnumerable<Scenario> All =>
    [
        .. ((string[])["sha256", "sha512"]).Select(algorithm => Scenario.Of(Api.Mount, $"a {algorithm} blob", async talk =>
        {
            var (content, digest) = await HaveAsync(talk, algorithm);
            await talk.AssertNoBlobAsync(talk.Other, digest);
            var answer = (await MountAsync(talk, digest, talk.Repository)).Expect(201).ExpectHeader("Docker-Content-Digest", digest.ToString());
            (await talk.Registry.GetAsync(answer.Header("Location"))).Expect(200).ExpectBody(content);
            await talk.AssertBlobAsync(talk.Other, digest, content);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        })),
        Scenario.Of(Api.Mount, "it stays when the source deletes its own", async talk =>
        {
            var (content, digest) = await HaveAsync(talk, "sha256");
            (await MountAsync(talk, digest, talk.Repository)).Expect(201);
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/{digest}")).Expect(202);
            await talk.AssertNoBlobAsync(talk.Repository, digest);
            await talk.AssertBlobAsync(talk.Other, digest, content);
        }),
        Scenario.Of(Api.Mount, "without a source", async talk =>
        {
            var (content, digest) = await HaveAsync(talk, "sha256");
            var answer = (await talk.Registry.PostAsync($"/v2/{talk.Other}/blobs/uploads/?mount={digest}")).Expect(201, 202);
            await FinishAsync(talk, answer, digest, content);
        }),
        FallsBack("what nobody has", (talk, digest) => $"mount={digest}&from={talk.Repository}", push: false),
        FallsBack("from where it is not", (talk, digest) => $"mount={digest}&from={talk.Repository}/elsewhere"),
        FallsBack("from what is no name", (_, digest) => $"mount={digest}&from=..%2FUPPER"),
        FallsBack("from nothing", (_, digest) => $"mount={digest}&from=", mayMount: true),
        Scenario.Of(Api.Mount, "what its own repository has", async talk =>
        {
            var (content, digest) = await HaveAsync(talk, "sha256");
            (await talk.Registry.PostAsync($"/v2/{talk.Repository}/blobs/uploads/?mount={digest}&from={talk.Repository}")).Expect(201, 202);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
        Scenario.Of(Api.Mount, "what is no digest", async talk =>
        {
            await HaveAsync(talk, "sha256");
            (await talk.Registry.PostAsync($"/v2/{talk.Other}/blobs/uploads/?mount=sha256:abc&from={talk.Repository}")).Expect(400, 202);
        }),
        Scenario.Of(Api.Mount, "a deleted one is not mounted", async talk =>
        {
            var (_, digest) = await HaveAsync(talk, "sha256");
            (await talk.Registry.DeleteAsync($"/v2/{talk.Repository}/blobs/{digest}")).Expect(202);
            (await MountAsync(talk, digest, talk.Repository)).Expect(202);
            await talk.AssertNoBlobAsync(talk.Other, digest);
        }),
    ];

    /// <summary>An upload begins instead, and can be brought to its end.</summary>
    private static Scenario FallsBack(string name, Func<Conversation, Digest, string> query, bool push = true, bool mayMount = false) =>
        Scenario.Of(Api.Mount, $"{name}: an upload begins", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", 2048);
            if (push)
            {
                await talk.Registry.PushAsync(talk.Repository, content, digest);
            }

            var answer = (await talk.Registry.PostAsync($"/v2/{talk.Other}/blobs/uploads/?{query(talk, digest)}")).Expect(mayMount ? [201, 202] : [202]);
            await FinishAsync(talk, answer, digest, content);
        });

    private static async Task FinishAsync(Conversation talk, Answer answer, Digest digest, byte[] content)
    {
        if (answer.Is(202))
        {
            await talk.AssertNoBlobAsync(talk.Other, digest);
            (await Upload.At(talk.Registry, answer.Header("Location")).PutAsync(digest, content)).Expect(201);
        }

        await talk.AssertBlobAsync(talk.Other, digest, content);
    }

    private static async Task<(byte[] Content, Digest Digest)> HaveAsync(Conversation talk, string algorithm)
    {
        var made = BlobPushScenarios.Make(talk.Repository, algorithm, 2048);
        await talk.Registry.PushAsync(talk.Repository, made.Content, made.Digest);
        return made;
    }

    private static Task<Answer> MountAsync(Conversation talk, Digest digest, string from) =>
        talk.Registry.PostAsync($"/v2/{talk.Other}/blobs/uploads/?mount={digest}&from={Uri.EscapeDataString(from)}");
}
