using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Upstream;

namespace Millpond.Tests.Upstream;

public sealed class ManifestTests
{
    private const string OciManifest = "application/vnd.oci.image.manifest.v1+json";

    private static readonly byte[] Manifest = """{"schemaVersion":2,"config":{},"layers":[]}"""u8.ToArray();

    private static readonly Digest ManifestDigest = Digest.Sha256(Manifest);

    [Fact]
    public async Task The_exact_bytes_come_with_type_and_digest()
    {
        await using var registry = await TestServer.StartAsync(Answer(Manifest, $"{OciManifest}; charset=utf-8", ManifestDigest.ToString()));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.True(result.IsFound, result.Reason);
        Assert.Equal((ManifestDigest, OciManifest), (result.Value.Digest, result.Value.MediaType));
        Assert.Equal(Manifest, result.Value.Content.ToArray());
        var request = Assert.Single(registry.Requests);
        Assert.Equal("/v2/team/app/manifests/latest", request.Target);
        Assert.Equal("identity", request["Accept-Encoding"]);
        foreach (var type in (string[])[OciManifest, "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.artifact.manifest.v1+json"])
        {
            Assert.Contains(type, request["Accept"], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_head_says_digest_type_and_length()
    {
        await using var registry = await TestServer.StartAsync(Answer(Manifest, OciManifest, ManifestDigest.ToString()));
        using var client = TestClients.Client(registry.Url);

        var result = await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(new ManifestHead(ManifestDigest, OciManifest, Manifest.Length), result.Value);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("sha384:abc")]
    [InlineData("nonsense")]
    public async Task Without_a_digest_header_the_bytes_are_hashed(string? header)
    {
        await using var registry = await TestServer.StartAsync(Answer(Manifest, OciManifest, header));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(ManifestDigest, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.Digest);
        Assert.Null((await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.Digest);
    }

    [Fact]
    public async Task A_sha512_digest_is_verified_by_its_own_algorithm()
    {
        var digest = Digest.Parse("sha512:" + new string('0', 128)).Rehash(Manifest);
        await using var registry = await TestServer.StartAsync(Answer(Manifest, OciManifest, digest.ToString()));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(digest, (await client.GetManifestAsync(TestClients.Repository, digest.ToString(), CancellationToken.None)).Value!.Digest);
        Assert.Equal(digest, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.Digest);
    }

    [Fact]
    public async Task A_digest_header_that_lies_is_a_bad_answer()
    {
        var other = Digest.Sha256("other"u8);
        await using var registry = await TestServer.StartAsync(Answer(Manifest, OciManifest, other.ToString()));
        using var client = TestClients.Client(registry.Url);

        foreach (var reference in (string[])["latest", other.ToString(), ManifestDigest.ToString()])
        {
            var result = await client.GetManifestAsync(TestClients.Repository, reference, CancellationToken.None);
            Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
            Assert.Contains(other.ToString(), result.Reason, StringComparison.Ordinal);
        }

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.HeadManifestAsync(TestClients.Repository, ManifestDigest.ToString(), CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task Bytes_that_are_not_what_was_asked_for_are_a_bad_answer()
    {
        await using var registry = await TestServer.StartAsync(Answer(Manifest, OciManifest, null));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, Digest.Sha256("other"u8).ToString(), CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Over_4_MiB_the_limit_is_named(bool chunked)
    {
        var large = Encoding.UTF8.GetBytes($"{{\"x\":\"{new string('x', 4 * 1024 * 1024)}\"}}");
        await using var registry = await TestServer.StartAsync(Answer(large, OciManifest, null, chunked));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.BadAnswer, result.Outcome);
        Assert.Contains("limit of 4 MiB", result.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_4_MiB_exactly_it_is_taken(bool chunked)
    {
        var frame = "{\"schemaVersion\":2,\"x\":\"\"}".Length;
        var large = Encoding.UTF8.GetBytes($"{{\"schemaVersion\":2,\"x\":\"{new string('x', (4 * 1024 * 1024) - frame)}\"}}");
        await using var registry = await TestServer.StartAsync(Answer(large, OciManifest, null, chunked));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(4 * 1024 * 1024, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.Content.Length);
    }

    [Fact]
    public async Task A_compressed_manifest_is_a_bad_answer()
    {
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionMode.Compress, leaveOpen: true))
        {
            await gzip.WriteAsync(Manifest);
        }

        await using var registry = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return Answer(packed.ToArray(), OciManifest, null)(context);
        });
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
        Assert.Null((await client.HeadManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.Length);
    }

    [Theory]
    [InlineData("application/vnd.docker.distribution.manifest.v1+json", """{"schemaVersion":1}""")]
    [InlineData("application/vnd.docker.distribution.manifest.v1+prettyjws", """{"schemaVersion":1}""")]
    [InlineData("application/json", """{"schemaVersion":1}""")]
    public async Task Schema_1_is_absent_with_the_reason(string type, string content)
    {
        await using var registry = await TestServer.StartAsync(Answer(Encoding.UTF8.GetBytes(content), type, null));
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "old", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.NotFound, result.Outcome);
        Assert.Contains("schema 1", result.Reason, StringComparison.Ordinal);
        if (type != "application/json")
        {
            Assert.Equal(UpstreamOutcome.NotFound, (await client.HeadManifestAsync(TestClients.Repository, "old", CancellationToken.None)).Outcome);
        }
    }

    [Theory]
    [InlineData("application/json", """{"mediaType":"application/vnd.oci.image.index.v1+json"}""", "application/vnd.oci.image.index.v1+json")]
    [InlineData(null, """{"mediaType":"application/vnd.oci.image.index.v1+json"}""", "application/vnd.oci.image.index.v1+json")]
    [InlineData("application/vnd.example.new+json", """{"mediaType":"application/vnd.oci.image.index.v1+json"}""", "application/vnd.example.new+json")]
    [InlineData("application/json", """{"manifests":[]}""", "application/vnd.oci.image.index.v1+json")]
    [InlineData("application/octet-stream", """{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json"}]}""", "application/vnd.docker.distribution.manifest.list.v2+json")]
    [InlineData("application/json", """{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]}""", "application/vnd.oci.image.manifest.v1+json")]
    [InlineData(null, """{"config":{"mediaType":"application/vnd.docker.container.image.v1+json"},"layers":[]}""", "application/vnd.docker.distribution.manifest.v2+json")]
    [InlineData("text/html", """{"blobs":[]}""", "application/vnd.oci.artifact.manifest.v1+json")]
    [InlineData("text/html", """{"mediaType":"text/html","schemaVersion":2}""", "application/octet-stream")]
    [InlineData(null, """{"mediaType":"a b","schemaVersion":2}""", "application/octet-stream")]
    [InlineData(null, """{"mediaType":"\ud800","config":{},"layers":[]}""", "application/vnd.oci.image.manifest.v1+json")]
    [InlineData("application/json", """{"mediaType":"application/vnd.oci.image.index.v1+json","annotations":{"a":"\udc00","\ud800":"b"}}""", "application/vnd.oci.image.index.v1+json")]
    public async Task The_type_is_the_upstreams_and_else_the_documents_own(string? type, string content, string expected)
    {
        await using var registry = await TestServer.StartAsync(Answer(Encoding.UTF8.GetBytes(content), type, null));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(expected, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Value!.MediaType);
    }

    [Theory]
    [InlineData("<html>Log in</html>")]
    [InlineData("{}")]
    [InlineData("""{"status":"starting"}""")]
    [InlineData("""{"errors":[{"code":"UNKNOWN"}]}""")]
    [InlineData("""{"schemaVersion":2,"errors":[{"code":"UNKNOWN"}]}""")]
    [InlineData("""{"manifests":{}}""")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{")]
    public async Task What_is_no_manifest_is_not_taken_for_a_tags(string content)
    {
        await using var registry = await TestServer.StartAsync(Answer(Encoding.UTF8.GetBytes(content), "text/html", null));
        using var client = TestClients.Client(registry.Url);

        Assert.Equal(UpstreamOutcome.BadAnswer, (await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None)).Outcome);
    }

    [Fact]
    public async Task A_manifest_that_breaks_off_is_no_manifest()
    {
        await using var registry = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentLength = Manifest.Length;
            await context.Response.Body.WriteAsync(Manifest.AsMemory(0, 10));
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        using var client = TestClients.Client(registry.Url);

        var result = await client.GetManifestAsync(TestClients.Repository, "latest", CancellationToken.None);

        Assert.Equal(UpstreamOutcome.Unreachable, result.Outcome);
        Assert.Equal("the connection to upstream.test broke", result.Reason);
    }

    private static RequestDelegate Answer(byte[] content, string? type, string? digest, bool chunked = false) => async context =>
    {
        context.Response.ContentType = type;
        context.Response.Headers["Docker-Content-Digest"] = digest;
        context.Response.ContentLength = chunked ? null : content.Length;
        if (context.Request.Method == "GET")
        {
            await context.Response.Body.WriteAsync(content);
        }
    };
}
