using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

public sealed class UploadTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];

    [Theory]
    [InlineData("sha256")]
    [InlineData("sha512")]
    public async Task A_blob_comes_whole_by_every_way_and_is_private_on_the_disk(string algorithm)
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "team/app");
        var digest = Digest.FromHash(algorithm, algorithm == "sha256" ? SHA256.HashData(Content) : SHA512.HashData(Content));

        await AssertCreatedAsync(client.SendAsync(HttpMethod.Post, $"/v2/team/app/blobs/uploads/?digest={digest}", Content));
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{digest}"));
        await AssertCreatedAsync(client.SendAsync(HttpMethod.Put, $"{await client.BeginAsync()}?digest={digest}", Content));
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"blobs/{digest}"));
        var upload = await client.BeginAsync();
        using (var patched = await client.SendAsync(HttpMethod.Patch, upload, Content))
        {
            Assert.Equal((HttpStatusCode.Accepted, "0-4999"), (patched.StatusCode, PushClient.Range(patched)));
        }

        var file = PushHost.Uploads(millpond).Single(path => !path.EndsWith(".json", StringComparison.Ordinal));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        await AssertCreatedAsync(client.SendAsync(HttpMethod.Put, $"{upload}?digest={digest}"));

        using var got = await millpond.BlobAsync("team/app", digest);
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync());
        Assert.Equal("hit", got.Headers.GetValues("Millpond-Cache").Single());
        Assert.Empty(PushHost.Uploads(millpond));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Assert.Single(PushHost.Blobs(millpond))));

        async Task AssertCreatedAsync(Task<HttpResponseMessage> sending)
        {
            using var response = await sending;
            Assert.True(response.StatusCode == HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
            Assert.Equal($"/v2/team/app/blobs/{digest}", response.Headers.Location?.ToString());
            Assert.Equal(digest.ToString(), response.Headers.GetValues("Docker-Content-Digest").Single());
        }
    }

    [Fact]
    public async Task Chunks_must_go_on_where_the_upload_stands()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var upload = await client.BeginAsync();
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[..1000], "0-999"), HttpStatusCode.Accepted, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[2000..3000], "2000-2999"), HttpStatusCode.RequestedRangeNotSatisfiable, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[..1000], "0-999"), HttpStatusCode.RequestedRangeNotSatisfiable, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[1000..2000], "1000-2999"), HttpStatusCode.BadRequest, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[1000..2000], "many"), HttpStatusCode.BadRequest, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[1000..2000], "9999999999999999999-0"), HttpStatusCode.BadRequest, "0-999");
        await AssertAsync(client.SendAsync(HttpMethod.Patch, upload, Content[1000..2000], "bytes 1000-1999/5000"), HttpStatusCode.Accepted, "0-1999");
        await AssertAsync(client.SendAsync(HttpMethod.Get, upload), HttpStatusCode.NoContent, "0-1999");
        var digest = Digest.Sha256(Content);
        await AssertAsync(client.SendAsync(HttpMethod.Put, $"{upload}?digest={digest}", Content[3000..], "3000-4999"), HttpStatusCode.RequestedRangeNotSatisfiable, "0-1999");
        await AssertAsync(client.SendAsync(HttpMethod.Put, $"{upload}?digest={digest}", Content[2000..], "2000-4999"), HttpStatusCode.Created, null);
        await AssertAsync(client.SendAsync(HttpMethod.Get, upload), HttpStatusCode.NotFound, null);
        using var got = await millpond.BlobAsync("app", digest);
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync());

        static async Task AssertAsync(Task<HttpResponseMessage> sending, HttpStatusCode status, string? range)
        {
            using var response = await sending;
            Assert.Equal((status, range), (response.StatusCode, PushClient.Range(response)));
        }
    }

    [Fact]
    public async Task What_is_not_what_its_digest_says_leaves_nothing()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var (wrong, wrong512) = (Digest.Sha256("other"u8), Digest.FromHash("sha512", SHA512.HashData("other"u8)));
        var afterChunk = await client.BeginAsync();
        (await client.SendAsync(HttpMethod.Patch, afterChunk, Content)).Dispose();
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Post, $"/v2/app/blobs/uploads/?digest={wrong}"), (HttpMethod.Post, $"/v2/app/blobs/uploads/?digest={wrong512}"),
            (HttpMethod.Put, $"{await client.BeginAsync()}?digest={wrong}"), (HttpMethod.Put, $"{await client.BeginAsync()}?digest={wrong512}"),
            (HttpMethod.Put, $"{await client.BeginAsync()}?digest=sha256:XY"), (HttpMethod.Put, $"{await client.BeginAsync()}?digest=md5:00"),
            (HttpMethod.Put, await client.BeginAsync()), (HttpMethod.Put, $"{afterChunk}?digest={Digest.Sha256(Content).ToString().ToUpperInvariant()}"),
        })
        {
            using var response = await client.SendAsync(method, path, Content);
            Assert.Equal((HttpStatusCode.BadRequest, "DIGEST_INVALID"), (response.StatusCode, await PushClient.CodeAsync(response)));
        }

        Assert.Empty(PushHost.Uploads(millpond));
        Assert.Empty(PushHost.Blobs(millpond));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{wrong}"));
        Assert.Equal("""{"repositories":[]}""", await (await client.SendAsync(HttpMethod.Get, "/v2/_catalog")).Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task An_upload_goes_on_after_a_restart_and_a_cancelled_one_is_gone()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var (upload, cancelled, untouched) = (await client.BeginAsync(), await client.BeginAsync(), await client.BeginAsync());
        (await client.SendAsync(HttpMethod.Patch, upload, Content[..3000])).Dispose();
        (await client.SendAsync(HttpMethod.Patch, cancelled, Content[..3000])).Dispose();
        using (var response = await client.SendAsync(HttpMethod.Delete, cancelled))
        {
            Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        }

        await millpond.RestartAsync();
        using (var stand = await client.SendAsync(HttpMethod.Get, upload))
        {
            Assert.Equal((HttpStatusCode.NoContent, "0-2999"), (stand.StatusCode, PushClient.Range(stand)));
        }

        foreach (var gone in new[] { cancelled, untouched, upload.Replace("/v2/app/", "/v2/other/", StringComparison.Ordinal) })
        {
            using var response = await client.SendAsync(HttpMethod.Patch, gone, Content);
            Assert.Equal((HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN"), (response.StatusCode, await PushClient.CodeAsync(response)));
        }

        (await client.SendAsync(HttpMethod.Patch, upload, Content[3000..4000], "3000-3999")).Dispose();
        using var put = await client.SendAsync(HttpMethod.Put, $"{upload}?digest={Digest.Sha256(Content)}", Content[4000..]);
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        using var got = await millpond.BlobAsync("app", Digest.Sha256(Content));
        Assert.Equal(Content, await got.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Uploads_are_bounded_in_number_bytes_and_age()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var millpond = await PushHost.StartAsync(new PushConfiguration(2, new(4000, 0), TimeSpan.FromHours(1), false), time);
        var client = new PushClient(millpond, "app");
        var (first, second) = (await client.BeginAsync(), await client.BeginAsync());
        using (var third = await client.SendAsync(HttpMethod.Post, "/v2/app/blobs/uploads/"))
        {
            Assert.Equal((HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS"), (third.StatusCode, await PushClient.CodeAsync(third)));
        }

        (await client.SendAsync(HttpMethod.Patch, second, Content[..3000])).Dispose();
        using (var tooMuch = await client.SendAsync(HttpMethod.Patch, first, Content[..3000]))
        {
            Assert.Equal((HttpStatusCode)507, tooMuch.StatusCode);
            Assert.Contains("push.uploadBytes", await tooMuch.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using (var unsaid = await SendUnsaidAsync(millpond, first, Content[..3000]))
        {
            Assert.Equal((HttpStatusCode)507, unsaid.StatusCode);
        }

        time.Advance(TimeSpan.FromMinutes(11));
        (await client.SendAsync(HttpMethod.Get, second)).Dispose();
        var third2 = await client.BeginAsync();
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(first));
        Assert.Equal(HttpStatusCode.NoContent, await StatusAsync(second));

        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromMinutes(30));
            return PushHost.Uploads(millpond).Length == 0;
        });
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(second));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(third2));

        async Task<HttpStatusCode> StatusAsync(string upload)
        {
            using var response = await client.SendAsync(HttpMethod.Get, upload);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task Who_goes_on_on_another_connection_takes_the_upload_over()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var upload = await client.BeginAsync();
        using var hanging = new TcpClient();
        await hanging.ConnectAsync(millpond.Address.Host, millpond.Address.Port);
        await hanging.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"PATCH {upload} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n"));
        await hanging.GetStream().WriteAsync(Content.AsMemory(0, 2000));
        await Eventually.HoldsAsync(async () => PushClient.Range(await client.SendAsync(HttpMethod.Get, upload)) == "0-1999");

        using var put = await client.SendAsync(HttpMethod.Put, $"{upload}?digest={Digest.Sha256(Content)}", Content[2000..], "2000-4999");
        Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        Assert.StartsWith("HTTP/1.1 416", await ReadLineAsync(hanging), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_others_have_said_to_send_counts_before_it_has_come()
    {
        await using var millpond = await PushHost.StartAsync(new PushConfiguration(10, new(4000, 0), TimeSpan.FromHours(1), false));
        var client = new PushClient(millpond, "app");
        var (slow, other) = (await client.BeginAsync(), await client.BeginAsync());
        using (var connection = new TcpClient())
        {
            await connection.ConnectAsync(millpond.Address.Host, millpond.Address.Port);
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"PATCH {slow} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3000\r\n\r\n"));
            await connection.GetStream().WriteAsync(Content.AsMemory(0, 1000));
            await Eventually.HoldsAsync(() => PushHost.HasUploadOf(millpond, 1000));
            using var refused = await client.SendAsync(HttpMethod.Patch, other, Content[..2000]);
            Assert.Equal((HttpStatusCode)507, refused.StatusCode);
            connection.Client.LingerState = new LingerOption(true, 0);
        }

        // What does not come after all is given back.
        await Eventually.HoldsAsync(async () => (await client.SendAsync(HttpMethod.Patch, other, Content[..2000])).StatusCode == HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Where_the_disk_takes_no_bytes_the_client_hears_it_and_no_path()
    {
        await using var millpond = await PushHost.StartAsync(allowErrors: true);
        var client = new PushClient(millpond, "app");
        var upload = await client.BeginAsync();
        var folder = Path.Join(millpond.DataFolder, "staging", "uploads");
        Directory.Delete(folder, recursive: true);
        await File.WriteAllTextAsync(folder, "");

        using var refused = await client.SendAsync(HttpMethod.Patch, upload, Content);
        var text = await refused.Content.ReadAsStringAsync();
        Assert.Equal((HttpStatusCode)507, refused.StatusCode);
        Assert.DoesNotContain(millpond.DataFolder, text, StringComparison.Ordinal);
        Assert.DoesNotContain(upload.Split('/')[^1], text, StringComparison.Ordinal);
        Assert.Contains(millpond.Log.Lines, line => line.Message.Contains(folder, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_breaks_off_leaves_what_came_of_a_chunk_and_nothing_of_a_whole_blob()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var upload = await client.BeginAsync();
        await BreakOffAsync($"PATCH {upload}");
        await Eventually.HoldsAsync(async () => PushClient.Range(await client.SendAsync(HttpMethod.Get, upload)) == "0-1999");
        using (var put = await client.SendAsync(HttpMethod.Put, $"{upload}?digest={Digest.Sha256(Content)}", Content[2000..]))
        {
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        await BreakOffAsync($"POST /v2/app/blobs/uploads/?digest={Digest.Sha256(Content)}");
        await Eventually.HoldsAsync(() => PushHost.Uploads(millpond).Length == 0);

        async Task BreakOffAsync(string request)
        {
            using var connection = new TcpClient();
            await connection.ConnectAsync(millpond.Address.Host, millpond.Address.Port);
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n"));
            await connection.GetStream().WriteAsync(Content.AsMemory(0, 2000));
            await Eventually.HoldsAsync(() => PushHost.HasUploadOf(millpond, 2000));
            connection.Client.LingerState = new LingerOption(true, 0);
        }
    }

    private static async Task<HttpResponseMessage> SendUnsaidAsync(MillpondHost millpond, string upload, byte[] content)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, new Uri(millpond.Address, upload)) { Content = new StreamContent(new MemoryStream(content)) };
        request.Headers.TransferEncodingChunked = true;
        return await millpond.Client.SendAsync(request);
    }

    private static async Task<string?> ReadLineAsync(TcpClient connection)
    {
        using var reader = new StreamReader(connection.GetStream(), Encoding.ASCII, leaveOpen: true);
        return await reader.ReadLineAsync();
    }
}
