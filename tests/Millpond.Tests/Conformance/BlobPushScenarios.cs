using System.Text;
using Millpond.Images;

namespace Millpond.Tests.Conformance;

/// <summary>Every way to push a blob, with right and wrong digests of both algorithms.</summary>
internal static class BlobPushScenarios
{
    private static readonly string[] Algorithms = ["sha256", "sha512"];

    public static IEnumerable<Scenario> All =>
    [
        .. from way in PushWays.All from algorithm in Algorithms from length in (int[])[2048, 0] select Right(way, algorithm, length),
        .. from way in PushWays.All from algorithm in Algorithms select Wrong(way, algorithm),
        .. from way in PushWays.All from digest in Refused select Illegal(way, digest),
        .. from way in PushWays.All select Named(way),
        .. from way in (PushWay[])[PushWay.PostThenPut, PushWay.StreamedPut, PushWay.ManyChunks, PushWay.Streamed] select Large(way),
        .. Repeated,
    ];

    /// <summary>What no digest is: too short, too long, another case, another algorithm, none, foreign letters, a path.</summary>
    private static IEnumerable<string> Refused =>
    [
        $"sha256:{new string('a', 63)}", $"sha256:{new string('a', 65)}", $"sha256:{new string('A', 64)}", $"md5:{new string('a', 32)}", $"sha512:{new string('a', 64)}", "sha256:", "latest", "",
        $"sha256:{new string('a', 63)}é", $"sha256:../../../{new string('a', 55)}",
    ];

    private static IEnumerable<Scenario> Repeated =>
    [
        Scenario.Of(Api.PostThenPut, "the same blob again", async talk =>
        {
            var (content, digest) = Make(talk.Repository, "sha256", 2048);
            await talk.Registry.PushAsync(talk.Repository, content, digest);
            await talk.Registry.PushAsync(talk.Repository, content, digest);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }),
        Scenario.Of(Api.PostThenPut, "the same blob by sixteen at once", async talk =>
        {
            var (content, digest) = Make(talk.Repository, "sha256", 20_000);
            await Task.WhenAll(Enumerable.Range(0, 16).Select(number =>
                talk.Registry.PushAsync(number % 2 == 0 ? talk.Repository : talk.Other, content, digest)));
            await talk.AssertBlobAsync(talk.Repository, digest, content);
            await talk.AssertBlobAsync(talk.Other, digest, content);
        }),
        Scenario.Of(Api.PostThenPut, "pushed here, it is not there", async talk =>
        {
            var (content, digest) = Make(talk.Repository, "sha256", 2048);
            await talk.Registry.PushAsync(talk.Repository, content, digest);
            await talk.AssertNoBlobAsync(talk.Other, digest);
        }),
        Scenario.Of(Api.PostThenPut, "by both digests it is one content", async talk =>
        {
            var (content, digest) = Make(talk.Repository, "sha256", 2048);
            var other = Make(talk.Repository, "sha512", 2048).Digest;
            await talk.Registry.PushAsync(talk.Repository, content, digest);
            await talk.AssertNoBlobAsync(talk.Repository, other);
            await talk.Registry.PushAsync(talk.Repository, content, other);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
            await talk.AssertBlobAsync(talk.Repository, other, content);
        }),
        Scenario.Of(Api.PostThenPut, "without a digest", async talk =>
        {
            var upload = await Upload.StartAsync(talk.Registry, talk.Repository);
            (await upload.PutAsync(null, new byte[10])).Expect(400).ExpectError("DIGEST_INVALID");
        }),
    ];

    /// <summary>Random bytes that belong to the name and the length alone, and their digest.</summary>
    public static (byte[] Content, Digest Digest) Make(string name, string algorithm, int length)
    {
        var content = new byte[length];
        new Random(BitConverter.ToInt32(Convert.FromHexString(Digest.Sha256(Encoding.UTF8.GetBytes(name)).Hex))).NextBytes(content);
        return (content, Fixtures.TestBlob.Of(content, algorithm).Digest);
    }

    private static Scenario Right(PushWay way, string algorithm, int length) =>
        Scenario.Of(PushWays.ApiOf(way), $"{way}, {algorithm}, {length} bytes", async talk =>
        {
            var (content, digest) = Make(talk.Repository, algorithm, length);
            if (length > 0)
            {
                // Nobody else's: so it is not there before it is pushed.
                await talk.AssertNoBlobAsync(talk.Repository, digest);
            }

            var answer = (await talk.Registry.PushAsync(talk.Repository, way, content, digest)).Expect(201).ExpectHeader("Docker-Content-Digest", digest.ToString());
            (await talk.Registry.GetAsync(answer.Header("Location"))).Expect(200).ExpectBody(content);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        });

    /// <summary>The digest of other bytes: nothing may be left, and the same can be pushed rightly afterwards.</summary>
    private static Scenario Wrong(PushWay way, string algorithm) =>
        Scenario.Of(PushWays.ApiOf(way), $"{way}, {algorithm}, the digest of other bytes", async talk =>
        {
            var (content, digest) = Make(talk.Repository, algorithm, 2048);
            var wrong = Make(talk.Other, algorithm, 2048).Digest;
            (await talk.Registry.PushAsync(talk.Repository, way, content, wrong)).Expect(400).ExpectError("DIGEST_INVALID");
            await talk.AssertNoBlobAsync(talk.Repository, wrong);
            await talk.AssertNoBlobAsync(talk.Repository, digest);
            (await talk.Registry.PushAsync(talk.Repository, way, content, digest)).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
            await talk.AssertNoBlobAsync(talk.Repository, wrong);
        });

    private static Scenario Illegal(PushWay way, string digest) =>
        Scenario.Of(PushWays.ApiOf(way), $"{way}, '{digest[..Math.Min(digest.Length, 16)]}' of {digest.Length} is no digest", async talk =>
        {
            var (content, right) = Make(talk.Repository, "sha256", 2048);
            (await talk.Registry.PushAsync(talk.Repository, way, content, digest)).Expect(400).ExpectError("DIGEST_INVALID");
            await talk.AssertNoBlobAsync(talk.Repository, right);
        });

    /// <summary>A client that says beforehand by what it will be hashed.</summary>
    private static Scenario Named(PushWay way) => Scenario.Of(PushWays.ApiOf(way), $"{way}, its algorithm said beforehand", async talk =>
    {
        foreach (var algorithm in Algorithms)
        {
            var (content, digest) = Make(talk.Repository, algorithm, 2048);
            (await talk.Registry.PushAsync(talk.Repository, way, content, digest, $"?digest-algorithm={algorithm}")).Expect(201);
            await talk.AssertBlobAsync(talk.Repository, digest, content);
        }
    });

    private static Scenario Large(PushWay way) => Scenario.Of(PushWays.ApiOf(way), $"{way}, 3 MB", async talk =>
    {
        var (content, digest) = Make(talk.Repository, "sha256", 3_000_000);
        (await talk.Registry.PushAsync(talk.Repository, way, content, digest)).Expect(201);
        await talk.AssertBlobAsync(talk.Repository, digest, content);
    });
}
