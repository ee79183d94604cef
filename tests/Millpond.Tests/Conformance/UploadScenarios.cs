using System.Globalization;
using System.Text.RegularExpressions;

namespace Millpond.Tests.Conformance;

/// <summary>Uploads that are asked for, out of order, resumed, cancelled, mixed up.</summary>
internal static partial class UploadScenarios
{
    private const int Third = 700;

    public static IEnumerable<Scenario> All => [.. Order, .. State, .. Cancel];

    private static IEnumerable<Scenario> Order =>
    [
        OutOfOrder("the first chunk does not begin at 0", 0, Third, Third),
        OutOfOrder("a chunk is left out", Third, Third * 2, Third),
        OutOfOrder("a chunk comes again", Third, 0, Third),
        OutOfOrder("a chunk overlaps", Third, Third - 1, Third),
        OutOfOrder("a chunk begins one too late", Third, Third + 1, Third),
        Scenario.Of(Api.Chunks, "the last chunk, in the PUT, does not fit", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 3);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            (await upload.PatchAsync(content.AsMemory(0, Third), 0)).Expect(202);
            (await upload.PutAsync(digest, content.AsMemory(Third * 2), Third * 2)).Expect(416);
            await talk.AssertNoBlobAsync(talk.Repository, digest);
            (await upload.StateAsync()).Expect(204).ExpectHeader("Range", $"0-{Third - 1}");
            (await upload.PutAsync(digest, content.AsMemory(Third), Third)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
        .. ((string[])["x-y", "5-1", "0-", "-699", "bytes 0-699/*", $"0-{Third}", $"0-{Third - 2}", "00000000000000000000000-699999999999999999999999", "-1-698", "0-699,0-699"])
            .Select(range => Scenario.Of(Api.Chunks, $"Content-Range {range} for {Third} bytes", async talk =>
            {
                var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
                var answer = await upload.PatchAsync(new byte[Third], range);
                // "bytes 0-699/*" is HTTP's own form, though not the specification's.
                if (!(range.StartsWith("bytes", StringComparison.Ordinal) && answer.Is(202)))
                {
                    answer.Expect(400, 416);
                    AssertNothingHere((await upload.StateAsync()).Expect(204));
                }
            })),
        Scenario.Of(Api.Chunks, "the least length of a chunk is a number, where there is one", async talk =>
        {
            var answer = (await talk.Registry.PostAsync($"/v2/{talk.Repository}/blobs/uploads/")).Expect(202);
            if (answer.HeaderOrNull("OCI-Chunk-Min-Length") is { } least && (!long.TryParse(least, out var length) || length < 0))
            {
                throw answer.Wrong($"OCI-Chunk-Min-Length is '{least}'");
            }
        }),
        Scenario.Of(Api.Chunks, "an algorithm nobody knows", async talk =>
            (await talk.Registry.PostAsync($"/v2/{talk.Repository}/blobs/uploads/?digest-algorithm=md5")).Expect(400).ExpectError("DIGEST_INVALID", "UNSUPPORTED")),
        Scenario.Of(Api.Stream, "a stream, and chunks after it", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 3);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            (await upload.StreamAsync(content.AsMemory(0, Third))).Expect(202).ExpectHeader("Range", $"0-{Third - 1}");
            (await upload.PatchAsync(content.AsMemory(Third), Third)).Expect(202).ExpectHeader("Range", $"0-{(Third * 3) - 1}");
            (await upload.PutAsync(digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
    ];

    private static IEnumerable<Scenario> State =>
    [
        Scenario.Of(Api.UploadState, "of one that has just begun", async talk =>
        {
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            AssertNothingHere((await upload.StateAsync()).Expect(204));
        }),
        Scenario.Of(Api.UploadState, "after each chunk, and the location is good to go on", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 3);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            for (var at = 0; at < content.Length; at += Third)
            {
                (await upload.PatchAsync(content.AsMemory(at, Third), at)).Expect(202);
                var state = (await upload.StateAsync()).Expect(204).ExpectHeader("Range", $"0-{at + Third - 1}");
                upload.Location = state.Header("Location");
            }

            (await upload.PutAsync(digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
        Gone(Api.UploadState, "of one that is complete", async (talk, upload) => (await upload.PutAsync(BlobPushScenarios.Make(talk.Repository, "sha256", 0).Digest)).Expect(201)),
        Scenario.Of(Api.UploadState, "by another repository's name it is unknown", async talk =>
        {
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            var stranger = Upload.At(talk.Registry, upload.Location.Replace($"/v2/{talk.Repository}/", $"/v2/{talk.Other}/", StringComparison.Ordinal));
            if (stranger.Location != upload.Location)
            {
                await AssertUnknownAsync(stranger);
            }
        }),
        .. ((string[])["no-such-upload", "00000000-0000-0000-0000-000000000000", "..%2F..%2Fstore", "a%2Fb", "é"]).Select(id =>
            Scenario.Of(Api.UploadState, $"there is no upload {id}", async talk =>
            {
                _ = await Upload.StartAsync(talk.Registry, talk.Repository);
                var answer = (await talk.Registry.GetAsync($"/v2/{talk.Repository}/blobs/uploads/{id}")).Expect(404, 400);
                answer.ExpectError("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "NAME_INVALID", "NAME_UNKNOWN", "DIGEST_INVALID");
            })),
        .. ((int[])[0, 1, Third + 1, (Third * 3) - 1]).Select(sent => Scenario.Of(Api.UploadState, $"a client hangs up after {sent} bytes, and goes on where the upload stands", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 3);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            await upload.BreakAsync(content.AsMemory(0, sent), content.Length);
            await talk.AssertNoBlobAsync(talk.Repository, digest);

            // What came before the hang-up may still be taken in: whoever is refused asks again where the upload stands.
            var isTaken = false;
            for (var tries = 0; !isTaken && tries < 20; tries++)
            {
                var state = (await upload.StateAsync()).Expect(204);
                var end = int.Parse(state.Header("Range")["0-".Length..], CultureInfo.InvariantCulture);
                Assert.InRange(end, 0, Math.Max(0, sent - 1));

                // Where 0-0 may mean nothing or one byte, the answer to a chunk says which.
                isTaken = end == 0 && (await upload.PatchAsync(content, 0)).Expect(202, 416).Is(202)
                    || (await upload.PatchAsync(content.AsMemory(end + 1), end + 1)).Expect(202, 416).Is(202);
            }

            Assert.True(isTaken, "Refused wherever the upload was said to stand.");
            (await upload.PutAsync(digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        })),
        Scenario.Of(Api.UploadState, "two at once do not mix", async talk =>
        {
            var (first, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 2);
            var (second, other) = BlobPushScenarios.Make(talk.Other, "sha256", Third * 2);
            var uploads = (One: await Upload.StartAsync(talk.Registry, talk.Repository), Two: await Upload.StartAsync(talk.Registry, talk.Repository));
            Assert.NotEqual(uploads.One.Location, uploads.Two.Location);
            for (var at = 0; at < first.Length; at += Third)
            {
                (await uploads.One.PatchAsync(first.AsMemory(at, Third), at)).Expect(202);
                (await uploads.Two.PatchAsync(second.AsMemory(at, Third), at)).Expect(202);
            }

            (await uploads.Two.PutAsync(other)).Expect(201);
            (await uploads.One.PutAsync(digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, first);
            await talk.AssertBlobAsync(talk.Repository, other, second);
        }),
        Scenario.Of(Api.UploadState, "the same chunk twice at once is taken once", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", 200_000);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            var twins = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Upload.At(talk.Registry, upload.Location).PatchAsync(content, 0)));
            Assert.Single(twins, answer => answer.Is(202));
            Assert.All(twins, answer => answer.Expect(202, 416, 409, 400));
            (await upload.StateAsync()).Expect(204).ExpectHeader("Range", $"0-{content.Length - 1}");
            (await upload.PutAsync(digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
    ];

    private static IEnumerable<Scenario> Cancel =>
    [
        Scenario.Of(Api.UploadCancel, "of one that has just begun", async talk =>
            (await (await Upload.StartAsync(talk.Registry, talk.Repository)).CancelAsync()).Expect(204)),
        Gone(Api.UploadCancel, "afterwards it is unknown", async (_, upload) => (await upload.CancelAsync()).Expect(204)),
        Gone(Api.UploadCancel, "also one with bytes", async (_, upload) =>
        {
            (await upload.PatchAsync(new byte[Third], 0)).Expect(202);
            (await upload.CancelAsync()).Expect(204);
        }),
        Scenario.Of(Api.UploadCancel, "what is complete stays", async talk =>
        {
            var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third);
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            var location = upload.Location;
            (await upload.PutAsync(digest, content)).Expect(201);
            (await talk.Registry.DeleteAsync(location)).Expect(404).ExpectError("BLOB_UPLOAD_UNKNOWN");
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
    ];

    private static Scenario OutOfOrder(string name, int before, int from, int length) => Scenario.Of(Api.Chunks, name, async talk =>
    {
        var (content, digest) = BlobPushScenarios.Make(talk.Repository, "sha256", Third * 3);
        var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
        if (before > 0)
        {
            (await upload.PatchAsync(content.AsMemory(0, before), 0)).Expect(202);
        }

        (await upload.PatchAsync(content.AsMemory(from, length), from)).Expect(416);
        var state = (await upload.StateAsync()).Expect(204);
        if (before > 0)
        {
            state.ExpectHeader("Range", $"0-{before - 1}");
        }
        else
        {
            AssertNothingHere(state);
        }

        upload.Location = state.Header("Location");
        (await upload.PatchAsync(content.AsMemory(before), before)).Expect(202);
        (await upload.PutAsync(digest)).Expect(201);
        await talk.AssertBlobAsync(talk.Repository, digest, content);
    });

    private static Scenario Gone(Api api, string name, Func<Conversation, Upload, Task> end) => Scenario.Of(api, name, async talk =>
    {
        var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
        var location = upload.Location;
        await end(talk, upload);
        await AssertUnknownAsync(Upload.At(talk.Registry, location));
    });

    private static async Task AssertUnknownAsync(Upload upload)
    {
        (await upload.StateAsync()).Expect(404).ExpectError("BLOB_UPLOAD_UNKNOWN");
        (await upload.PatchAsync(new byte[10], 0)).Expect(404).ExpectError("BLOB_UPLOAD_UNKNOWN");
        (await upload.PutAsync($"sha256:{new string('a', 64)}", new byte[10])).Expect(404).ExpectError("BLOB_UPLOAD_UNKNOWN");
        (await upload.CancelAsync()).Expect(404).ExpectError("BLOB_UPLOAD_UNKNOWN");
    }

    /// <summary>The specification has no way to say that there is nothing: 0-0 is what registries say.</summary>
    private static void AssertNothingHere(Answer state)
    {
        if (!NothingGrammar().IsMatch(state.Header("Range")))
        {
            throw state.Wrong("the range of an upload without bytes is 0-0");
        }
    }

    [GeneratedRegex(@"\A0-(0|-1)\z")]
    private static partial Regex NothingGrammar();
}
