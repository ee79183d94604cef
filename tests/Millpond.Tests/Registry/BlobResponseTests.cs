using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Registry;
using Millpond.Server.Registry.Answers;
using Millpond.Server.Telemetry;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>The blob's response line over a real connection, without a cache behind it.</summary>
public sealed class BlobResponseTests : IAsyncLifetime
{
    private static readonly byte[] Bytes = MakeBytes(700_000);
    private static readonly Digest Digest = Digest.Sha256(Bytes);

    private readonly FakeTimeProvider time = new();
    private readonly MillpondMetrics metrics = new();
    private readonly SocketsHttpHandler handler = new() { MaxResponseDrainSize = 0 };
    private readonly TaskCompletionSource<RegistryAnswer> answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? app;
    private HttpClient? client;
    private ScriptedContent content = new(Bytes, Bytes.Length);

    private HttpClient Client => client ?? throw new InvalidOperationException("Not started.");

    public async ValueTask InitializeAsync()
    {
        var blobs = new BlobResponse(time, metrics);
        var builder = WebApplication.CreateEmptyBuilder(new());
        ListenOptions? listener = null;
        builder.WebHost.UseKestrelCore().ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0, options => listener = options));
        app = builder.Build();
        app.Run(async context =>
        {
            await using var blob = content;
            answered.TrySetResult(await blobs.SendAsync(context, blob, Digest, CacheStatus.Miss, "quay"));
        });
        await app.StartAsync();
        client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new($"http://{listener!.IPEndPoint}") };
    }

    public async ValueTask DisposeAsync()
    {
        client?.Dispose();
        handler.Dispose();
        await app!.DisposeAsync();
        metrics.Dispose();
    }

    [Fact]
    public async Task A_whole_blob_has_its_headers_and_bytes()
    {
        content.Write(Bytes.Length);
        using var response = await Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Bytes, await response.Content.ReadAsByteArrayAsync());
        Assert.Equal(Bytes.Length, response.Content.Headers.ContentLength);
        Assert.Equal("application/octet-stream", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-transform", response.Headers.CacheControl?.ToString());
        Assert.Equal("bytes", response.Headers.AcceptRanges.ToString());
        Assert.Equal($"\"{Digest}\"", response.Headers.ETag?.Tag);
        Assert.Equal(Digest.ToString(), response.Headers.GetValues("Docker-Content-Digest").Single());
        Assert.Equal("miss", response.Headers.GetValues("Millpond-Cache").Single());
        Assert.Equal(new RegistryAnswer(200, Bytes.Length, "miss", "quay"), await answered.Task);
        Assert.True(content.IsDisposed);
    }

    [Fact]
    public async Task The_first_bytes_leave_while_the_last_are_not_here()
    {
        content.Write(1000);
        using var response = await Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var first = new byte[1000];
        await body.ReadExactlyAsync(first);
        Assert.Equal(Bytes[..1000], first);
        content.Write(Bytes.Length);
        var rest = new byte[Bytes.Length - 1000];
        await body.ReadExactlyAsync(rest);
        Assert.Equal(Bytes[1000..], rest);
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 1)]
    [InlineData("bytes=699999-", 699_999, 1)]
    [InlineData("bytes=-10", 699_990, 10)]
    [InlineData("bytes=100-400000", 100, 399_901)]
    [InlineData("bytes=600000-900000", 600_000, 100_000)]
    public async Task A_part_is_a_206(string range, int start, int length)
    {
        content.Write(Bytes.Length);
        using var response = await GetAsync(range);
        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal($"bytes {start}-{start + length - 1}/{Bytes.Length}", response.Content.Headers.ContentRange?.ToString());
        Assert.Equal(Bytes[start..(start + length)], await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_part_leaves_while_later_bytes_are_not_here()
    {
        content.Write(5000);
        using var response = await GetAsync("bytes=100-4999");
        Assert.Equal(Bytes[100..5000], await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_range_outside_is_a_416_with_the_length()
    {
        using var response = await GetAsync($"bytes={Bytes.Length}-");
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, response.StatusCode);
        Assert.Equal($"bytes */{Bytes.Length}", response.Content.Headers.ContentRange?.ToString());
        Assert.Contains("RANGE_INVALID", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bytes=0-1,4-5")]
    [InlineData("lines=1-2")]
    public async Task What_is_no_single_range_is_answered_whole(string range)
    {
        content.Write(Bytes.Length);
        using var response = await GetAsync(range);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Bytes.Length, response.Content.Headers.ContentLength);
    }

    [Theory]
    [InlineData(true, HttpStatusCode.PartialContent)]
    [InlineData(false, HttpStatusCode.OK)]
    public async Task If_Range_asks_for_the_part_of_this_blob_only(bool isThisBlob, HttpStatusCode status)
    {
        content.Write(Bytes.Length);
        var condition = isThisBlob ? Digest.ToString() : "sha256:other";
        using var response = await GetAsync("bytes=0-9", request => request.Headers.IfRange = new(new EntityTagHeaderValue($"\"{condition}\"")));
        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task A_fill_that_fails_before_the_first_byte_is_an_error()
    {
        content.Fail(PullFailureKind.UpstreamFailed);
        using var response = await Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Contains("the upstream broke", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Docker-Content-Digest"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_fill_that_fails_later_resets_the_connection(bool isLengthKnown)
    {
        content = new ScriptedContent(Bytes, isLengthKnown ? Bytes.Length : null).Write(300_000).Fail(PullFailureKind.UpstreamFailed);
        using var response = await Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync());
        var answer = await answered.Task;
        Assert.True(answer.IsCut);
        Assert.Equal(300_000, answer.Bytes);
    }

    [Fact]
    public async Task A_content_shorter_than_promised_resets_the_connection()
    {
        content = new ScriptedContent(Bytes, Bytes.Length + 1L).Write(Bytes.Length);
        using var response = await Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync());
        Assert.True((await answered.Task).IsCut);
    }

    [Fact]
    public async Task An_unknown_length_is_sent_in_chunks_and_ends_cleanly()
    {
        content = new ScriptedContent(Bytes, null).Write(Bytes.Length);
        using var response = await GetAsync("bytes=0-9");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(true, response.Headers.TransferEncodingChunked);
        Assert.Equal(Bytes, await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task An_empty_blob_is_an_empty_body()
    {
        content = new ScriptedContent([], 0);
        using var response = await Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(0, response.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_answer_while_it_waits()
    {
        content.Write(1000);
        using var response = await Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead);
        response.Dispose();
        Assert.True((await answered.Task.WaitAsync(Patience.Limit)).IsCut);
    }

    [Fact]
    public async Task A_peer_that_takes_nothing_for_minutes_is_dropped()
    {
        content = Large();
        using var peer = await AskAsync();

        // Bounded by the machine's patience, not by a count: how often the clock moves before the answer's thread has its turn says nothing.
        var patience = Stopwatch.StartNew();
        while (!answered.Task.IsCompleted && patience.Elapsed < Patience.Limit)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await Task.Yield();
        }

        var answer = await answered.Task.WaitAsync(Patience.Limit);
        Assert.True(answer.IsCut);
        Assert.InRange(answer.Bytes, 1, content.Length!.Value - 1);
    }

    /// <summary>On the real clock, since the framework's own limit knows no other: it would cut this reader after some seconds.</summary>
    [Fact]
    [Trait("Category", "Heavy")]
    public async Task An_honest_slow_reader_is_not_cut()
    {
        content = Large();
        using var peer = await AskAsync();
        var buffer = new byte[20_000];
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1));
        for (var second = 0; second < 12; second++)
        {
            await pace.WaitForNextTickAsync();
            Assert.InRange(await peer.ReceiveAsync(buffer), 1, buffer.Length);
        }

        Assert.False(answered.Task.IsCompleted);
    }

    /// <summary>More than all buffers between take.</summary>
    private static ScriptedContent Large() => new ScriptedContent(new byte[40_000_000], 40_000_000).Write(40_000_000);

    private async Task<Socket> AskAsync()
    {
        var peer = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 16 * 1024 };
        await peer.ConnectAsync(IPAddress.Loopback, Client.BaseAddress!.Port);
        await peer.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        return peer;
    }

    private async Task<HttpResponseMessage> GetAsync(string range, Action<HttpRequestMessage>? more = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("Range", range);
        more?.Invoke(request);
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static byte[] MakeBytes(int count)
    {
        var bytes = new byte[count];
        new Random(7).NextBytes(bytes);
        return bytes;
    }
}
