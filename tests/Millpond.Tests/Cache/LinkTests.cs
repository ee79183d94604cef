using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Who may see what: bytes that are here are seen only through a repository that its upstream shows to have them.</summary>
public sealed class LinkTests
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 21);

    [Fact]
    public async Task A_private_image_pulled_under_one_prefix_cannot_be_read_by_digest_under_another()
    {
        await using var mine = await FakeUpstream.StartAsync();
        await using var theirs = await FakeUpstream.StartAsync();
        mine.Add("team/secret", Image, "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("mine", mine), MillpondHost.Rule("theirs", theirs)]);
        await host.PullAsync("mine/team/secret", Image, "1");

        using var manifest = await host.ManifestAsync("theirs/team/secret", Image.Digest.ToString());
        using var blob = await host.BlobAsync("theirs/team/secret", Image.Layer.Digest);
        using var head = await host.BlobAsync("theirs/team/secret", Image.Layer.Digest, method: HttpMethod.Head);
        Assert.Equal(HttpStatusCode.NotFound, manifest.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, blob.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, head.StatusCode);
    }

    [Fact]
    public async Task A_size_is_remembered_while_a_manifest_that_gives_it_is_linked()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var parts = new CacheParts(upstream);
        var (target, layer) = (parts.Target("team/app"), Image.Layer.Digest);
        var (one, two) = (TestBlob.Generated(seed: 361, length: 10).Digest, TestBlob.Generated(seed: 362, length: 10).Digest);
        Describe(one, 100);
        Assert.Equal(100, parts.Known.FindLatelyDescribed(target, layer));
        Describe(two, 200);
        Assert.Equal(100, parts.Known.FindLatelyDescribed(target, layer));
        Assert.Null(parts.Known.FindLatelyDescribed(parts.Target("team/other"), layer));
        parts.Known.ForgetLink(parts.Known.At(target), one);
        Assert.Null(parts.Known.FindLatelyDescribed(target, layer));
        Describe(two, 200);
        Assert.Equal(200, parts.Known.FindLatelyDescribed(target, layer));

        void Describe(Digest manifest, long size)
        {
            parts.Known.Link(target, manifest);
            parts.Known.Describe(target, manifest, [new Descriptor("", layer, size, null, IsForeign: false)]);
        }
    }

    [Fact]
    public async Task What_another_repository_brought_is_proven_upstream_and_not_downloaded_again()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        upstream.Add("team/two", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullAsync("up/team/one", Image, "1");
        upstream.ClearRequests();

        using var manifest = await host.ManifestAsync("up/team/two", Image.Digest.ToString());
        Assert.Equal(HttpStatusCode.OK, manifest.StatusCode);
        Assert.All(upstream.Requests(RequestKind.Manifest), request => Assert.Equal("HEAD", request.Method));
        await host.PullAsync("up/team/two", Image);
        Assert.All(upstream.Requests(RequestKind.Blob), request => Assert.InRange((long)(request.Range!.To - request.Range.From)!, 0, 63));

        upstream.GoDown();
        await host.PullAsync("up/team/two", Image);
    }

    [Fact]
    public async Task A_manifest_that_another_upstream_brought_is_proven_by_its_bytes_and_not_by_a_yes()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        await using var liar = await Upstream.TestServer.StartAsync(async context =>
        {
            context.Response.Headers["Docker-Content-Digest"] = Image.Digest.ToString();
            context.Response.ContentType = Image.Manifest.MediaType;
            await context.Response.WriteAsync(context.Request.Method == "HEAD" ? "" : "{}");
        });
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream), MillpondHost.Rule("liar", liar.Url)]);
        await host.PullAsync("up/team/one", Image, "1");

        foreach (var method in new[] { HttpMethod.Head, HttpMethod.Get })
        {
            using var answer = await host.ManifestAsync("liar/team/one", Image.Digest.ToString(), method);
            Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        }
    }

    [Fact]
    public async Task What_the_same_upstream_does_not_have_in_the_asked_repository_is_absent_there()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        upstream.Add("team/two", TestImages.OnePlatform(seed: 22), "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullAsync("up/team/one", Image, "1");
        using var answer = await host.ManifestAsync("up/team/two", Image.Digest.ToString());
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task A_tag_that_moves_to_what_another_repository_brought_costs_no_get()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        upstream.Add("team/two", TestImages.OnePlatform(seed: 22), "1");
        await using var host = await MillpondHost.StartAsync(upstream, new() { Time = time });
        await host.PullManifestAsync("up/team/one", "1");
        await host.PullManifestAsync("up/team/two", "1");
        upstream.Add("team/two", Image, "1");
        upstream.ClearRequests();
        time.Advance(TimeSpan.FromDays(1));
        using var moved = await host.ManifestAsync("up/team/two", "1");
        Assert.Equal(Image.Digest, Image.Digest.Rehash(await moved.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)));
        Assert.All(upstream.Requests(RequestKind.Manifest), request => Assert.Equal("HEAD", request.Method));
    }

    /// <summary>Naming is no having: an index can name what its own registry does not hold.</summary>
    [Fact]
    public async Task An_index_that_names_anothers_private_image_gives_nothing_of_it_away()
    {
        await using var mine = await FakeUpstream.StartAsync();
        await using var theirs = await FakeUpstream.StartAsync();
        mine.Add("team/secret", Image, "1");
        var index = new TestManifest(TestImages.OciIndex, Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{TestImages.OciIndex}}","manifests":[{"mediaType":"{{TestImages.OciManifest}}","digest":"{{Image.Digest}}","size":{{Image.Manifest.Content.Length}}}]}"""));
        theirs.AddManifest("evil/app", index, "1");
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("mine", mine), MillpondHost.Rule("theirs", theirs) with { CompleteIndexes = Server.Configuration.IndexCompletion.Everything }]);
        await host.PullAsync("mine/team/secret", Image, "1");
        await host.PullManifestAsync("theirs/evil/app", "1");
        await host.Log.WhenLineAsync("Completed index");

        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            using var manifest = await host.ManifestAsync("theirs/evil/app", Image.Digest.ToString(), method);
            Assert.Equal(HttpStatusCode.NotFound, manifest.StatusCode);
            foreach (var blob in Image.Blobs)
            {
                using var answer = await host.BlobAsync("theirs/evil/app", blob.Digest, method: method);
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task What_another_upstream_says_of_a_manifests_type_spoils_no_repository(bool namesItsType, bool otherFirst)
    {
        var bytes = namesItsType ? Image.Manifest.Content : WithoutMediaType(Image.Manifest.Content);
        var manifest = new TestManifest(TestImages.OciManifest, bytes);
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.AddManifest("team/app", manifest, "1");
        upstream.AddManifest("evil/app", manifest with { MediaType = "text/html" }, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        foreach (var repository in otherFirst ? new[] { "up/evil/app", "up/team/app", "up/evil/app" } : ["up/team/app", "up/evil/app"])
        {
            (await host.ManifestAsync(repository, "1", cacheControl: "no-cache")).Dispose();
        }

        foreach (var reference in new[] { "1", manifest.Digest.ToString() })
        {
            using var response = await host.ManifestAsync("up/team/app", reference);
            Assert.Equal(TestImages.OciManifest, response.Content.Headers.ContentType?.MediaType);
        }

        await host.RestartAsync();
        using var afterwards = await host.ManifestAsync("up/team/app", "1");
        Assert.Equal(TestImages.OciManifest, afterwards.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task A_manifest_that_another_repository_brought_is_proven_once_for_all_who_ask()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        upstream.Add("team/two", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullManifestAsync("up/team/one", "1");
        upstream.ClearRequests();
        var hole = upstream.Arm(UpstreamFault.BlackHole, times: 1, kind: RequestKind.Manifest);
        var pulls = Enumerable.Range(0, 20).Select(_ => host.ManifestAsync("up/team/two", Image.Digest.ToString())).ToArray();
        await hole.WhenTaken();
        hole.Release();
        foreach (var pull in pulls)
        {
            using var response = await pull;
        }

        using var after = await host.ManifestAsync("up/team/two", Image.Digest.ToString());
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
        Assert.InRange(upstream.Requests(RequestKind.Manifest).Count, 1, 2);
    }

    [Fact]
    public async Task A_blob_asked_first_by_its_digest_is_proven_with_a_few_bytes()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        upstream.Add("team/two", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);
        await host.PullAsync("up/team/one", Image, "1");
        upstream.ClearRequests();

        using var blob = await host.BlobAsync("up/team/two", Image.Layer.Digest);
        Assert.Equal(Image.Layer.Digest, Image.Layer.Digest.Rehash(await blob.Content.ReadAsByteArrayAsync()));
        var proof = Assert.Single(upstream.Requests());
        Assert.Equal(63, proof.Range!.To - proof.Range.From);
    }

    [Fact]
    public async Task One_who_joins_a_running_fill_from_another_repository_is_proven_first()
    {
        await using var mine = await FakeUpstream.StartAsync();
        await using var theirs = await FakeUpstream.StartAsync();
        mine.Add("team/secret", Image, "1");
        await using var host = await MillpondHost.StartAsync([MillpondHost.Rule("mine", mine), MillpondHost.Rule("theirs", theirs)]);
        await host.PullManifestAsync("mine/team/secret", "1");
        var gate = mine.Park(Image.Layer.Digest, after: 0);
        var filling = host.BlobAsync("mine/team/secret", Image.Layer.Digest);
        await gate.WhenReached();

        using var refused = await host.BlobAsync("theirs/team/secret", Image.Layer.Digest);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        gate.Open();
        using var filled = await filling;
        Assert.Equal(Image.Layer.Digest, Image.Layer.Digest.Rehash(await filled.Content.ReadAsByteArrayAsync()));
    }

    [Fact]
    public async Task A_partial_that_was_left_whole_is_proven_like_any_bytes_that_are_here()
    {
        using var data = new TemporaryFolder();
        await using var mine = await FakeUpstream.StartAsync();
        await using var theirs = await FakeUpstream.StartAsync();
        mine.Add("team/secret", Image, "1");
        Partials.Leave(data.File("data"), Image.Layer, Image.Layer.Length, Image.Layer.Length, "mine/team/secret", upstream: mine);
        await using var host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("mine", mine), MillpondHost.Rule("theirs", theirs)], new MillpondHostOptions { Data = data });

        using var refused = await host.BlobAsync("theirs/team/secret", Image.Layer.Digest);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        await host.PullAsync("mine/team/secret", Image, "1");
        Assert.DoesNotContain(mine.Requests(RequestKind.Blob), request => request.Reference == Image.Layer.Digest.ToString());
    }

    [Fact]
    public async Task A_head_never_starts_a_fill()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/one", Image, "1");
        await using var host = await MillpondHost.StartAsync(upstream);

        using var unknown = await host.BlobAsync("up/team/one", Image.Layer.Digest, method: HttpMethod.Head);
        Assert.Equal(Image.Layer.Length, unknown.Content.Headers.ContentLength);
        Assert.Equal((0, 0), (upstream.Requests(RequestKind.Blob)[0].Range!.From, upstream.Requests(RequestKind.Blob)[0].Range!.To));

        await host.PullManifestAsync("up/team/one", "1");
        upstream.ClearRequests();
        using var described = await host.BlobAsync("up/team/one", Image.Blobs[0].Digest, method: HttpMethod.Head);
        Assert.Equal(Image.Blobs[0].Length, described.Content.Headers.ContentLength);
        upstream.AssertNoRequests();
    }

    private static byte[] WithoutMediaType(byte[] manifest)
    {
        var json = JsonNode.Parse(manifest)!.AsObject();
        json.Remove("mediaType");
        return Encoding.UTF8.GetBytes(json.ToJsonString());
    }
}
