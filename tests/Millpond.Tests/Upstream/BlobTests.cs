using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class BlobTests
{
    private static readonly byte[] Content = "0123456789"u8.ToArray();

    private static readonly Digest Blob = Digest.Sha256(Content);

    [Fact]
    public async Task A_whole_blob_says_its_length()
    {
        await using var registry = await TestServer.StartAsync(Whole());
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal((0, 10, 10), (result.Value.Start, result.Value.TotalLength, result.Value.BodyLength));
        Assert.Equal(Content, await ReadAsync(result.Value));
        var request = Assert.Single(registry.Requests);
        Assert.Equal(("GET", $"/v2/team/app/blobs/{Blob}", null), (request.Method, request.Target, request["Range"]));
    }

    [Fact]
    public async Task A_chunked_blob_has_no_length()
    {
        await using var registry = await TestServer.StartAsync(context => context.Response.Body.WriteAsync(Content).AsTask());
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None);

        Assert.Equal((0, null, null), (result.Value!.Start, result.Value.TotalLength, result.Value.BodyLength));
        Assert.Equal(Content, await ReadAsync(result.Value));
    }

    [Theory]
    [InlineData(4L, 7L, "bytes=4-7", "bytes 4-7/10", 4)]
    [InlineData(4L, 7L, "bytes=4-7", "bytes 4-7/*", 4)]
    [InlineData(4L, null, "bytes=4-", "bytes 4-9/10", 6)]
    [InlineData(4L, 20L, "bytes=4-20", "bytes 4-9/10", 6)]
    public async Task A_part_says_where_it_begins(long from, long? to, string asked, string told, int length)
    {
        await using var registry = await TestServer.StartAsync(Part(told, length));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(from, to), CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal(asked, Assert.Single(registry.Requests)["Range"]);
        Assert.Equal((from, told.EndsWith('*') ? null : 10L, (long)length), (result.Value.Start, result.Value.TotalLength, result.Value.BodyLength));
        Assert.Equal(length, (await ReadAsync(result.Value)).Length);
    }

    [Fact]
    public async Task A_range_that_is_ignored_begins_at_zero()
    {
        await using var registry = await TestServer.StartAsync(Whole());
        using var client = TestClients.Client(registry.Url);

        using var body = (await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(4, 9), CancellationToken.None)).Value!;

        Assert.Equal((0, 10, 10), (body.Start, body.TotalLength, body.BodyLength));
    }

    [Theory]
    [InlineData("bytes 0-5/10", 6)]
    [InlineData("bytes 5-9/10", 5)]
    [InlineData("bytes 4-9/10", 6)]
    [InlineData("bytes 4-7/10", 3)]
    [InlineData("bytes 7-4/10", 4)]
    [InlineData("bytes */10", 4)]
    [InlineData("lines 4-7/10", 4)]
    [InlineData("4-7", 4)]
    [InlineData(null, 4)]
    public async Task A_part_that_is_not_the_one_asked_for_is_a_bad_answer(string? told, int length)
    {
        await using var registry = await TestServer.StartAsync(Part(told, length));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(4, 7), CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
    }

    [Fact]
    public async Task A_part_is_not_taken_for_the_whole()
    {
        await using var registry = await TestServer.StartAsync(Part("bytes 0-3/10", 4));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task A_range_beyond_the_end_is_a_bad_answer_with_the_length()
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = 416;
            context.Response.Headers.ContentRange = "bytes */10";
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, new ByteRange(20, 29), CancellationToken.None);

        Assert.Equal((UpstreamOutcome.BadAnswer, "upstream.test says the blob has no bytes 20-29: it has 10"), (result.Outcome, result.Reason));
    }

    [Theory]
    [InlineData("gzip", UpstreamOutcome.BadAnswer)]
    [InlineData("br, identity", UpstreamOutcome.BadAnswer)]
    [InlineData("identity", UpstreamOutcome.Found)]
    public async Task An_encoded_blob_is_a_bad_answer(string encoding, UpstreamOutcome expected)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.ContentEncoding = encoding;
            return Whole()(context);
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task A_body_that_breaks_off_throws_while_it_is_read()
    {
        var cut = new TaskCompletionSource();
        await using var registry = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentLength = 10;
            await context.Response.Body.WriteAsync(Content.AsMemory(0, 9));
            await context.Response.Body.FlushAsync();
            await cut.Task;
            context.Abort();
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetBlobAsync(TestClients.Repository, Blob, null, CancellationToken.None);
        cut.SetResult();

        Assert.True(result.IsFound, result.Reason);
        await Assert.ThrowsAnyAsync<IOException>(() => ReadAsync(result.Value));
    }

    [Theory]
    [InlineData(206, "bytes 0-0/10", 10L)]
    [InlineData(206, "bytes 0-0/*", null)]
    [InlineData(416, "bytes */0", 0L)]
    public async Task A_probe_asks_for_one_byte(int status, string told, long? length)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.ContentRange = told;
            return status == 206 ? context.Response.Body.WriteAsync(Content.AsMemory(0, 1)).AsTask() : Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal(length, result.Value.Length);
        Assert.Equal(("GET", "bytes=0-0"), (Assert.Single(registry.Requests).Method, Assert.Single(registry.Requests)["Range"]));
    }

    [Fact]
    public async Task A_probe_takes_the_length_of_a_whole_answer_and_leaves_the_body()
    {
        var gone = new TaskCompletionSource();
        await using var registry = await TestServer.StartAsync(async context =>
        {
            context.RequestAborted.Register(() => gone.TrySetResult());
            context.Response.ContentLength = 1L << 40;
            await context.Response.Body.WriteAsync(Content);
            await gone.Task;
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(1L << 40, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Value!.Length);
        await gone.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Theory]
    [InlineData(416, "bytes */10")]
    [InlineData(416, null)]
    [InlineData(204, null)]
    [InlineData(206, "bytes 1-1/10")]
    public async Task A_probe_that_makes_no_sense_is_a_bad_answer(int status, string? told)
    {
        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.ContentRange = told;
            return Task.CompletedTask;
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.ProbeBlobAsync(TestClients.Repository, Blob, CancellationToken.None)).Outcome);
    }

    private static RequestDelegate Whole() => context =>
    {
        context.Response.ContentLength = Content.Length;
        return context.Response.Body.WriteAsync(Content).AsTask();
    };

    private static RequestDelegate Part(string? told, int length) => context =>
    {
        context.Response.StatusCode = 206;
        context.Response.Headers.ContentRange = told;
        context.Response.ContentLength = length;
        return context.Response.Body.WriteAsync(Content.AsMemory(0, length)).AsTask();
    };

    private static async Task<byte[]> ReadAsync(BlobBody body)
    {
        using (body)
        using (var content = new MemoryStream())
        {
            await body.Content.CopyToAsync(content);
            return content.ToArray();
        }
    }
}
