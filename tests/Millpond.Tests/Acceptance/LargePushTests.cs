using System.Globalization;
using System.Net;
using Millpond.Tests.Conformance;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Acceptance;

/// <summary>A blob that no memory holds: pushed in chunks and pulled, by the program as it is released.</summary>
[Trait("Category", "Heavy")]
public sealed class LargePushTests : IDisposable
{
    private const string SizeVariable = "MILLPOND_LARGE_PUSH_GB";
    private const long Gigabyte = 1L << 30;
    private const int Chunk = 64 << 20;
    private const int Block = 1 << 20;

    /// <summary>The most memory it may have resident, whatever the blob's length.</summary>
    private const long MostMemory = 250L << 20;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task It_is_pushed_in_chunks_and_pulled_with_memory_flat()
    {
        var gigabytes = int.TryParse(Environment.GetEnvironmentVariable(SizeVariable), CultureInfo.InvariantCulture, out var said) ? said : 1;
        var blob = TestBlob.Generated(10, gigabytes * Gigabyte);
        await using var millpond = await MillpondProcess.StartAsync(folder.File("data"), []);
        using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        var registry = new RegistryUnderTest(http, millpond.Address);

        var began = TimeProvider.System.GetTimestamp();
        var upload = await Upload.StartAsync(registry, "own/large");
        for (long at = 0; at < blob.Length; at += Chunk)
        {
            var content = new GeneratedContent(blob, at, (int)Math.Min(Chunk, blob.Length - at));
            var answer = (await registry.SendAsync(HttpMethod.Patch, upload.Location, content)).Expect(202);
            answer.ExpectHeader("Range", string.Create(CultureInfo.InvariantCulture, $"0-{Math.Min(at + Chunk, blob.Length) - 1}"));
            upload.Location = answer.Header("Location");
        }

        (await upload.PutAsync(blob.Digest)).Expect(201);
        var pushed = (Time: TimeProvider.System.GetElapsedTime(began), Memory: millpond.PeakMemory);

        using var clients = new HashingClients(millpond.Address);
        began = TimeProvider.System.GetTimestamp();
        Assert.Equal((blob.Length, blob.Digest), await clients.BlobAsync("own/large", blob.Digest));
        var pulled = (Time: TimeProvider.System.GetElapsedTime(began), Memory: millpond.PeakMemory);

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{gigabytes} GiB: pushed in {pushed.Time.TotalSeconds:0.0} s, pulled in {pulled.Time.TotalSeconds:0.0} s; peak memory {pushed.Memory >> 20} MiB, then {pulled.Memory >> 20} MiB"));
        Assert.InRange(pulled.Memory, 1, MostMemory);
    }

    /// <summary>A chunk that is made as it is sent.</summary>
    private sealed class GeneratedContent : HttpContent
    {
        private readonly TestBlob blob;
        private readonly long from;
        private readonly int length;

        public GeneratedContent(TestBlob blob, long from, int length)
        {
            (this.blob, this.from, this.length) = (blob, from, length);
            Headers.ContentType = new("application/octet-stream");
            Headers.TryAddWithoutValidation("Content-Range", string.Create(CultureInfo.InvariantCulture, $"{from}-{from + length - 1}"));
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var buffer = new byte[Block];
            for (var sent = 0; sent < length;)
            {
                var count = Math.Min(Block, length - sent);
                blob.Read(from + sent, buffer.AsSpan(0, count));
                await stream.WriteAsync(buffer.AsMemory(0, count));
                sent += count;
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = this.length;
            return true;
        }
    }
}
