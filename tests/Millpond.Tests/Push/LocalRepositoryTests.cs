using System.Net;
using Millpond.Images;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Push;

/// <summary>Which repository is a cache and which this server's own.</summary>
public sealed class LocalRepositoryTests
{
    [Fact]
    public async Task Under_a_rule_nothing_is_pushed_and_beside_it_everything()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var image = TestImages.OnePlatform();
        using (var begun = await new PushClient(millpond, "up/app").SendAsync(HttpMethod.Post, "/v2/up/app/blobs/uploads/"))
        {
            Assert.Equal((HttpStatusCode.Forbidden, "DENIED"), (begun.StatusCode, await PushClient.CodeAsync(begun)));
            Assert.Contains("'up'", await begun.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using (var put = await new PushClient(millpond, "up/app").PutManifestAsync(image.Manifest, "1"))
        {
            Assert.Equal((HttpStatusCode.Forbidden, "DENIED"), (put.StatusCode, await PushClient.CodeAsync(put)));
        }

        foreach (var name in new[] { "up2/app", "up", "a/b/c/d/e/f", "x" })
        {
            await new PushClient(millpond, name).PushAsync(image, "1");
            await millpond.PullAsync(name, image, "1");
        }

        upstream.AssertNoRequests();
        Assert.Equal("""{"repositories":["a/b/c/d/e/f","up","up2/app","x"]}""", await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/v2/_catalog")));
    }

    [Fact]
    public async Task What_was_pushed_and_pulled_as_a_blob_is_a_manifest_once_it_is_pushed_as_one()
    {
        await using var millpond = await PushHost.StartAsync();
        var image = TestImages.OnePlatform();
        var client = new PushClient(millpond, "app");
        await client.PushBlobAsync(image.Manifest.Content.ToArray());
        Assert.Equal(HttpStatusCode.OK, await client.HeadAsync($"blobs/{image.Digest}"));
        Assert.Equal(HttpStatusCode.NotFound, await client.HeadAsync($"manifests/{image.Digest}"));

        await client.PushAsync(image);
        Assert.Equal(HttpStatusCode.OK, await client.HeadAsync($"manifests/{image.Digest}"));
        Assert.Equal(HttpStatusCode.OK, await client.HeadAsync($"blobs/{image.Digest}"));
    }

    [Fact]
    public async Task Where_only_ROOT_matches_a_push_makes_a_repository_unless_a_cache_has_that_name()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var (cached, pushed) = (TestImages.OnePlatform(1), TestImages.OnePlatform(2));
        upstream.Add("team/cached", cached, "1");
        upstream.Add("team/mine", cached, "1");
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule(RuleNames.Root, upstream)]);
        await millpond.PullAsync("team/cached", cached, "1");
        using (var begun = await new PushClient(millpond, "team/cached").SendAsync(HttpMethod.Post, "/v2/team/cached/blobs/uploads/"))
        {
            Assert.Equal((HttpStatusCode.Forbidden, "DENIED"), (begun.StatusCode, await PushClient.CodeAsync(begun)));
            Assert.Contains("'ROOT'", await begun.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        // Asked for and not there: that is remembered, and must not outlive the push.
        Assert.Equal(HttpStatusCode.NotFound, await new PushClient(millpond, "team/new").HeadAsync("manifests/1"));
        await new PushClient(millpond, "team/new").PushAsync(pushed, "1");
        await new PushClient(millpond, "team/mine").PushAsync(pushed, "1");
        upstream.ClearRequests();
        await millpond.PullAsync("team/new", pushed, "1");
        await millpond.PullAsync("team/mine", pushed, "1");
        Assert.Equal(HttpStatusCode.NotFound, await new PushClient(millpond, "team/new").HeadAsync("manifests/2"));
        upstream.AssertNoRequests();
        await millpond.RestartAsync();
        await millpond.PullAsync("team/mine", pushed, "1");
        upstream.AssertNoRequests();
        Assert.Equal("""{"repositories":["team/cached","team/mine","team/new"]}""", await millpond.Client.GetStringAsync(new Uri(millpond.Address, "/v2/_catalog")));
    }

    [Fact]
    public async Task A_pushed_tag_is_never_checked_and_what_was_pushed_is_never_evicted()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var big = TestImages.WithLayers(TestBlob.Generated(1, 3_000_000));
        upstream.Add("app", big, "1");
        var pushed = TestImages.WithLayers(TestBlob.Generated(2, 3_000_000));
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream)], new()
            {
                Configure = configuration => configuration with
                {
                    Storage = configuration.Storage with { Limit = new(4_000_000, 0), Headroom = new(0, 0) },
                    Push = configuration.Push with { UploadBytes = new(4_000_000, 0) },
                },
            });
        await millpond.PullAsync("up/app", big, "1");

        // Not while the pull still has it open, which its client cannot know.
        await Eventually.HoldsAsync(async () =>
        {
            using var first = await new PushClient(millpond, "mine").SendAsync(
                HttpMethod.Post, $"/v2/mine/blobs/uploads/?digest={pushed.Layer.Digest}", pushed.Layer.ToArray());
            return first.StatusCode == HttpStatusCode.Created;
        });

        // The cached layer makes room for the pushed one, and not the other way round.
        await new PushClient(millpond, "mine").PushBlobAsync(pushed.Blobs[0].ToArray());
        (await new PushClient(millpond, "mine").PutManifestAsync(pushed.Manifest, "1")).Dispose();
        Assert.DoesNotContain(PushHost.Blobs(millpond), path => path.EndsWith(big.Layer.Digest.Hex, StringComparison.Ordinal));
        await millpond.PullAsync("up/app", big, "1");
        await millpond.PullAsync("mine", pushed, "1");
        Assert.Contains(PushHost.Blobs(millpond), path => path.EndsWith(pushed.Layer.Digest.Hex, StringComparison.Ordinal));

        using var full = await new PushClient(millpond, "mine").SendAsync(
            HttpMethod.Post, $"/v2/mine/blobs/uploads/?digest={Digest.Sha256(new byte[3_000_000])}", new byte[3_000_000]);
        Assert.Equal((HttpStatusCode)507, full.StatusCode);
        Assert.Empty(PushHost.Uploads(millpond));
    }
}
