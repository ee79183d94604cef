using Millpond.Images;

namespace Millpond.Tests.Conformance;

/// <summary>The ways in which the specification lets a blob be pushed.</summary>
internal enum PushWay
{
    PostThenPut,
    SinglePost,
    OneChunk,
    ManyChunks,
    LastChunkWithPut,
    Streamed,
    StreamedInTwo,
    StreamedPut,
}

internal static class PushWays
{
    public static IReadOnlyList<PushWay> All { get; } = Enum.GetValues<PushWay>();

    public static Api ApiOf(PushWay way) => way switch
    {
        PushWay.PostThenPut or PushWay.StreamedPut => Api.PostThenPut,
        PushWay.SinglePost => Api.SinglePost,
        PushWay.Streamed or PushWay.StreamedInTwo => Api.Stream,
        _ => Api.Chunks,
    };

    /// <summary>Pushes in that way and gives the answer to the request that names the digest.</summary>
    /// <param name="registry">Where to.</param>
    /// <param name="repository">Where to.</param>
    /// <param name="way">How.</param>
    /// <param name="content">The blob.</param>
    /// <param name="digest">As the client says it, right or wrong.</param>
    /// <param name="query">Of the first request, where there is one before the last.</param>
    public static async Task<Answer> PushAsync(
        this RegistryUnderTest registry, string repository, PushWay way, ReadOnlyMemory<byte> content, object digest, string query = "")
    {
        if (way == PushWay.SinglePost)
        {
            return await registry.PostAsync($"/v2/{repository}/blobs/uploads/?{Upload.Query(digest)}", RegistryUnderTest.Octets(content));
        }

        var upload = await Upload.StartAsync(registry, repository, query);
        var (third, half) = (content.Length / 3, content.Length / 2);
        switch (way)
        {
            case PushWay.PostThenPut:
                return await upload.PutAsync(digest, content);
            case PushWay.StreamedPut:
                return await upload.StreamPutAsync(digest, content);
            case PushWay.OneChunk:
                await ChunksAsync(upload, content, content.Length);
                return await upload.PutAsync(digest);
            case PushWay.ManyChunks:
                await ChunksAsync(upload, content, Math.Max(1, third));
                return await upload.PutAsync(digest);
            case PushWay.LastChunkWithPut:
                await ChunksAsync(upload, content[..half], Math.Max(1, third));
                return await upload.PutAsync(digest, content[half..], content.Length == 0 ? null : half);
            case PushWay.Streamed:
                (await upload.StreamAsync(content)).Expect(202);
                return await upload.PutAsync(digest);
            case PushWay.StreamedInTwo:
                (await upload.StreamAsync(content[..half])).Expect(202);
                (await upload.StreamAsync(content[half..])).Expect(202);
                return await upload.PutAsync(digest);
            default:
                throw new ArgumentOutOfRangeException(nameof(way), way, null);
        }
    }

    /// <summary>Pushes a blob that must be taken, by the shortest way.</summary>
    public static async Task PushAsync(this RegistryUnderTest registry, string repository, ReadOnlyMemory<byte> content, Digest digest) =>
        (await registry.PushAsync(repository, PushWay.PostThenPut, content, digest)).Expect(201);

    private static async Task ChunksAsync(Upload upload, ReadOnlyMemory<byte> content, int size)
    {
        for (var at = 0; at < content.Length; at += size)
        {
            var chunk = content.Slice(at, Math.Min(size, content.Length - at));
            var answer = (await upload.PatchAsync(chunk, at)).Expect(202).ExpectHeader("Range", $"0-{at + chunk.Length - 1}");
            _ = answer.Header("Location");
        }
    }
}
