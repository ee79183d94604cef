using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

public sealed class ManifestPushTests
{
    [Fact]
    public async Task Images_of_every_kind_come_back_as_they_were_pushed_also_after_a_restart()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "team/app");
        (string Tag, TestImage Image)[] images =
        [
            ("one", TestImages.OnePlatform()), ("docker", TestImages.Docker()), ("zstd", TestImages.Zstd()), ("two", TestImages.TwoPlatforms()),
            ("chart", TestImages.Chart()), ("artifact", TestImages.Artifact("application/vnd.example.sbom")),
        ];
        foreach (var (tag, image) in images)
        {
            await client.PushAsync(image, tag);
        }

        await millpond.RestartAsync();
        foreach (var (tag, image) in images)
        {
            await millpond.PullAsync("team/app", image, tag);
            using var response = await millpond.ManifestAsync("team/app", tag);
            Assert.Equal(image.Manifest.MediaType, response.Content.Headers.ContentType?.ToString());
        }

        Assert.Equal("""{"name":"team/app","tags":["artifact","chart","docker","one","two","zstd"]}""", await client.TextAsync("tags/list"));
        Assert.Contains("last=chart&n=2", (await client.SendAsync(HttpMethod.Get, "/v2/team/app/tags/list?n=2")).Headers.GetValues("Link").Single(), StringComparison.Ordinal);
        Assert.Equal("""{"repositories":["team/app"]}""", await (await client.SendAsync(HttpMethod.Get, "/v2/_catalog")).Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task What_a_manifest_names_must_be_in_its_own_repository()
    {
        await using var millpond = await PushHost.StartAsync();
        var (image, index) = (TestImages.OnePlatform(), TestImages.TwoPlatforms());
        await new PushClient(millpond, "other").PushAsync(image, "1");
        await new PushClient(millpond, "other").PushAsync(index, "2");
        var client = new PushClient(millpond, "app");
        await AssertUnknownAsync(image.Manifest, image.Layer.Digest);
        await AssertUnknownAsync(index.Manifest, index.Children[0].Digest);
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync("manifests/1"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"blobs/{image.Layer.Digest}"));

        // The bytes of a manifest that were sent as a blob are no manifest of the repository.
        await client.PushBlobAsync(index.Children[0].Manifest.Content);
        await AssertUnknownAsync(index.Manifest, index.Children[0].Digest);
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"manifests/{index.Children[0].Digest}"));

        async Task AssertUnknownAsync(TestManifest manifest, Digest child)
        {
            using var response = await client.PutManifestAsync(manifest, "1");
            var text = await response.Content.ReadAsStringAsync();
            Assert.Equal((HttpStatusCode.BadRequest, "MANIFEST_BLOB_UNKNOWN"), (response.StatusCode, await PushClient.CodeAsync(response)));
            Assert.Contains(child.ToString(), text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_index_may_lack_manifests_where_the_configuration_says_so_and_no_image_layers()
    {
        await using var millpond = await PushHost.StartAsync(new PushConfiguration() with { SparseIndexes = true });
        var client = new PushClient(millpond, "app");
        var index = TestImages.TwoPlatforms();
        await client.PushAsync(index.Children[0]);
        using (var put = await client.PutManifestAsync(index.Manifest, "1"))
        {
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        using var image = await client.PutManifestAsync(index.Children[1].Manifest);
        Assert.Equal(HttpStatusCode.BadRequest, image.StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{index.Children[0].Digest}"));
    }

    public static TheoryData<string, string> Invalid => new()
    {
        { "application/vnd.oci.image.manifest.v1+json", "no JSON" },
        { "application/vnd.oci.image.manifest.v1+json", "[]" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":1,"config":CONFIG,"layers":[]}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"config":CONFIG,"layers":{}}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"config":CONFIG,"layers":[{"digest":"sha256:xy","size":1}]}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"config":CONFIG,"layers":[{"digest":"DIGEST"}]}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"config":CONFIG,"layers":[],"manifests":[]}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"config":CONFIG,"layers":[],"subject":{"digest":"sha256:xy"}}""" },
        { "application/vnd.oci.image.manifest.v1+json", """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""" },
        { "application/vnd.oci.image.index.v1+json", """{"schemaVersion":2,"manifests":[],"layers":[]}""" },
        { "application/vnd.docker.distribution.manifest.v1+prettyjws", """{"schemaVersion":1}""" },
        { "text/html", """{"schemaVersion":2}""" },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task What_no_reader_could_be_sure_of_is_refused(string type, string text)
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var config = await client.PushBlobAsync("{}"u8.ToArray());
        var content = text.Replace("CONFIG", $$"""{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{{config}}","size":2}""", StringComparison.Ordinal)
            .Replace("DIGEST", config.ToString(), StringComparison.Ordinal);
        using var response = await client.SendAsync(HttpMethod.Put, "/v2/app/manifests/1", Encoding.UTF8.GetBytes(content), type: type);
        Assert.Equal((HttpStatusCode.BadRequest, "MANIFEST_INVALID"), (response.StatusCode, await PushClient.CodeAsync(response)));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync("manifests/1"));
    }

    [Fact]
    public async Task A_manifest_has_at_most_four_mebibytes_and_its_digest()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var (fits, tooLarge) = (Padded(4 << 20), Padded((4 << 20) + 1));
        using (var put = await client.SendAsync(HttpMethod.Put, $"/v2/app/manifests/{Digest.Sha256(fits)}", fits, type: TestImages.OciIndex))
        {
            Assert.Equal(HttpStatusCode.Created, put.StatusCode);
        }

        foreach (var unsaid in new[] { false, true })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(millpond.Address, "/v2/app/manifests/large")) { Content = new ByteArrayContent(tooLarge) };
            request.Headers.TransferEncodingChunked = unsaid;
            request.Content.Headers.ContentType = new(TestImages.OciIndex);
            using var refused = await millpond.Client.SendAsync(request);
            Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "SIZE_INVALID"), (refused.StatusCode, await PushClient.CodeAsync(refused)));
        }

        using var wrong = await client.SendAsync(HttpMethod.Put, $"/v2/app/manifests/{Digest.Sha256("x"u8)}", fits, type: TestImages.OciIndex);
        Assert.Equal((HttpStatusCode.BadRequest, "DIGEST_INVALID"), (wrong.StatusCode, await PushClient.CodeAsync(wrong)));

        static byte[] Padded(int length)
        {
            const string Start = """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"a":" """;
            const string End = "\"}}";
            return Encoding.UTF8.GetBytes(Start + new string('a', length - Start.Length - End.Length) + End);
        }
    }

    [Fact]
    public async Task Referrers_are_listed_also_of_a_subject_that_is_not_here()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var image = TestImages.OnePlatform();
        var (sbom, signature) = (TestImages.Artifact("application/vnd.example.sbom", image.Manifest), TestImages.Artifact("application/vnd.example.signature", image.Manifest, "{\"a\":1}"));
        Assert.Empty(await ListAsync(""));
        await client.PushAsync(sbom);
        foreach (var blob in signature.Blobs)
        {
            await client.PushBlobAsync(blob.ToArray());
        }

        using (var put = await client.PutManifestAsync(signature.Manifest))
        {
            Assert.Equal(image.Digest.ToString(), put.Headers.GetValues("OCI-Subject").Single());
        }

        Assert.Equal(2, (await ListAsync("")).Count);
        var filtered = await ListAsync("?artifactType=application/vnd.example.sbom");
        Assert.Equal(sbom.Digest.ToString(), (string?)Assert.Single(filtered)!["digest"]);
        Assert.Equal(HttpStatusCode.Accepted, await client.DeleteAsync($"manifests/{sbom.Digest}"));
        Assert.Equal(signature.Digest.ToString(), (string?)Assert.Single(await ListAsync(""))!["digest"]);

        async Task<JsonArray> ListAsync(string query)
        {
            using var response = await client.SendAsync(HttpMethod.Get, $"/v2/app/referrers/{image.Digest}{query}");
            Assert.Equal((HttpStatusCode.OK, TestImages.OciIndex), (response.StatusCode, response.Content.Headers.ContentType?.ToString()));
            Assert.Equal(query.Length > 0, response.Headers.Contains("OCI-Filters-Applied"));
            return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["manifests"]!.AsArray();
        }
    }

    [Fact]
    public async Task A_manifest_by_digest_may_bring_its_tags()
    {
        await using var millpond = await PushHost.StartAsync();
        var client = new PushClient(millpond, "app");
        var image = TestImages.OnePlatform();
        await client.PushAsync(image);
        using (var put = await client.PutManifestAsync(image.Manifest, $"{image.Digest}?tag=v1&tag=latest"))
        {
            Assert.Equal(["v1", "latest"], put.Headers.GetValues("OCI-Tag"));
        }

        await millpond.PullAsync("app", image, "v1");
        using var bad = await client.PutManifestAsync(image.Manifest, $"{image.Digest}?tag=v2&tag=.no");
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        Assert.Equal("""{"name":"app","tags":["latest","v1"]}""", await client.TextAsync("tags/list"));
    }
}
