using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Millpond.Tests.Cache;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Registry;

/// <summary>Tags, referrers and the catalog.</summary>
public sealed class ListEndpointTests : IAsyncLifetime
{
    private readonly TestImage image = TestImages.OnePlatform();
    private FakeUpstream upstream = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", image, "b", "a", "C", "d");
    }

    public ValueTask DisposeAsync() => upstream.DisposeAsync();

    [Fact]
    public async Task Tags_are_sorted_named_as_asked_and_say_where_they_come_from()
    {
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var response = await GetAsync(millpond, "/v2/up/team/app/tags/list");
        Assert.Equal("""{"name":"up/team/app","tags":["C","a","b","d"]}""", await response.Content.ReadAsStringAsync());
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("miss", Assert.Single(response.Headers.GetValues("Millpond-Cache")));
        Assert.False(response.Headers.Contains("Link"));
    }

    [Theory]
    [InlineData("n=1", "C", "</v2/up/team/app/tags/list?last=C&n=1>; rel=\"next\"")]
    [InlineData("n=3&last=C", "a,b,d", null)]
    [InlineData("n=2&last=C", "a,b", "</v2/up/team/app/tags/list?last=b&n=2>; rel=\"next\"")]
    [InlineData("last=aa", "b,d", null)]
    [InlineData("last=d", "", null)]
    [InlineData("n=0", "", null)]
    [InlineData("n=99999999999999999999", "C,a,b,d", null)]
    public async Task Tags_come_in_pages(string query, string tags, string? link)
    {
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var response = await GetAsync(millpond, $"/v2/up/team/app/tags/list?{query}");
        Assert.Equal(tags.Split(',', StringSplitOptions.RemoveEmptyEntries), await StringsAsync(response, "tags"));
        Assert.Equal(link, response.Headers.TryGetValues("Link", out var links) ? Assert.Single(links) : null);
    }

    [Theory]
    [InlineData(null, "/v2/team/app/tags/list?ns=UPSTREAM&n=1", "", "/v2/team/app/tags/list?last=C&n=1&ns=UPSTREAM")]
    [InlineData("https://cache.example", "/v2/up/team/app/tags/list?n=1", "https://cache.example", "/v2/up/team/app/tags/list?last=C&n=1")]
    [InlineData("https://cache.example/", "/v2/_catalog?n=1", "https://cache.example", "/v2/_catalog?last=up%2Fteam%2Fapp&n=1")]
    public async Task The_next_page_is_named_as_this_one_was(string? publicUrl, string path, string root, string next)
    {
        var url = publicUrl is null ? null : new Uri(publicUrl);
        await using var millpond = await MillpondHost.StartAsync(upstream, new() { Configure = configuration => configuration with { PublicUrl = url } });
        upstream.Add("team/more", image, "x");
        (await millpond.ManifestAsync("up/team/app", "a")).Dispose();
        (await millpond.ManifestAsync("up/team/more", "x")).Dispose();
        var ns = Uri.EscapeDataString(upstream.Address.Authority);
        using var response = await GetAsync(millpond, path.Replace("UPSTREAM", ns, StringComparison.Ordinal));
        var expected = $"<{root}{next.Replace("UPSTREAM", ns, StringComparison.Ordinal)}>; rel=\"next\"";
        Assert.Equal(expected, Assert.Single(response.Headers.GetValues("Link")));
    }

    [Fact]
    public async Task A_rules_own_host_names_its_pages_relative_to_itself()
    {
        var rule = MillpondHost.Rule("up", upstream) with { Hosts = ["up.cache.example"] };
        await using var millpond = await MillpondHost.StartAsync(
            [rule], new() { Configure = configuration => configuration with { PublicUrl = new("https://cache.example") } });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(millpond.Address, "/v2/team/app/tags/list?n=1"));
        request.Headers.Host = "up.cache.example";
        using var response = await millpond.Client.SendAsync(request);
        Assert.Equal("</v2/team/app/tags/list?last=C&n=1>; rel=\"next\"", Assert.Single(response.Headers.GetValues("Link")));
    }

    [Fact]
    public async Task Pages_followed_to_the_end_hold_every_tag_once()
    {
        await using var millpond = await MillpondHost.StartAsync(upstream);
        var seen = new List<string>();
        string? next = "/v2/up/team/app/tags/list?n=3";
        while (next is not null)
        {
            using var response = await GetAsync(millpond, next);
            seen.AddRange(await StringsAsync(response, "tags"));
            next = response.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(["C", "a", "b", "d"], seen);
    }

    [Fact]
    public async Task Referrers_are_filtered_by_type()
    {
        var sbom = TestImages.Artifact("application/spdx+json", image.Manifest);
        var signature = TestImages.Artifact("application/vnd.example.signature", image.Manifest);
        upstream.Add("team/app", sbom);
        upstream.Add("team/app", signature);
        await using var millpond = await MillpondHost.StartAsync(upstream);

        using var all = await GetAsync(millpond, $"/v2/up/team/app/referrers/{image.Digest}");
        Assert.Equal("application/vnd.oci.image.index.v1+json", all.Content.Headers.ContentType?.ToString());
        Assert.False(all.Headers.Contains("OCI-Filters-Applied"));
        Assert.Equal(new[] { sbom.Digest.ToString(), signature.Digest.ToString() }.Order(), (await DigestsAsync(all)).Order());

        using var filtered = await GetAsync(millpond, $"/v2/up/team/app/referrers/{image.Digest}?artifactType=application/spdx%2Bjson");
        Assert.Equal("artifactType", Assert.Single(filtered.Headers.GetValues("OCI-Filters-Applied")));
        Assert.Equal([sbom.Digest.ToString()], await DigestsAsync(filtered));

        using var none = await GetAsync(millpond, $"/v2/up/team/app/referrers/{image.Layer.Digest}");
        Assert.Equal(HttpStatusCode.OK, none.StatusCode);
        Assert.Empty(await DigestsAsync(none));
    }

    [Fact]
    public async Task The_catalog_lists_what_was_pulled()
    {
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var before = await GetAsync(millpond, "/v2/_catalog");
        Assert.Empty(await StringsAsync(before, "repositories"));
        (await millpond.ManifestAsync("up/team/app", "a")).Dispose();
        using var after = await GetAsync(millpond, "/v2/_catalog?n=1");
        Assert.Equal(["up/team/app"], await StringsAsync(after, "repositories"));
        Assert.False(after.Headers.Contains("Link"));
    }

    [Fact]
    public async Task However_short_the_pages_of_an_upstream_are_all_its_tags_are_listed()
    {
        await using var upstream = await FakeUpstream.StartAsync(new FakeUpstreamOptions { TagPage = 2 });
        string[] tags = [.. Enumerable.Range(0, 250).Select(number => $"v{number:000}")];
        upstream.Add("team/app", TestImages.OnePlatform(seed: 3), tags);
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var response = await GetAsync(millpond, "/v2/up/team/app/tags/list");
        var listed = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!["tags"]!.AsArray();
        Assert.Equal(tags, listed.Select(tag => (string?)tag));
    }

    [Fact]
    public async Task Pages_that_lead_in_a_circle_are_not_followed_for_ever()
    {
        await using var upstream = await Upstream.TestServer.StartAsync(context =>
        {
            var next = context.Request.Query["last"] == "b" ? "a" : "b";
            context.Response.Headers.Link = $"</v2/team/app/tags/list?last={next}&n=1>; rel=\"next\"";
            return context.Response.WriteAsync($$"""{"tags":["{{next}}"]}""");
        });
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream.Url)]);
        using var response = await GetAsync(millpond, "/v2/up/team/app/tags/list");
        Assert.Equal("""{"name":"up/team/app","tags":["a","b"]}""", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.InRange(upstream.Requests.Count, 2, 5);
    }

    /// <summary>As <c>oras cp -r</c> asks, in one outage and the next start.</summary>
    [Fact]
    public async Task That_a_referrer_which_was_listed_has_none_itself_is_remembered_before_it_is_pulled()
    {
        var signature = TestImages.Artifact("application/vnd.example.signature", image.Manifest);
        upstream.Add("team/app", signature);
        await using var millpond = await MillpondHost.StartAsync(upstream);
        foreach (var subject in new[] { image.Digest, signature.Digest })
        {
            using var asked = await GetAsync(millpond, $"/v2/up/team/app/referrers/{subject}");
            Assert.Equal(HttpStatusCode.OK, asked.StatusCode);
        }

        upstream.GoDown();
        await millpond.RestartAsync();
        using var none = await GetAsync(millpond, $"/v2/up/team/app/referrers/{signature.Digest}");
        Assert.Equal(HttpStatusCode.OK, none.StatusCode);
        Assert.Empty(await DigestsAsync(none));
    }

    [Fact]
    public async Task To_ask_for_referrers_of_what_is_not_here_leaves_nothing_behind()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(seed: 2);
        upstream.Add("team/app", image, "1");
        await using var millpond = await MillpondHost.StartAsync(upstream);
        using var none = await GetAsync(millpond, $"/v2/up/made/up/referrers/{image.Digest}");
        Assert.Equal(HttpStatusCode.OK, none.StatusCode);
        using var catalog = await GetAsync(millpond, "/v2/_catalog");
        Assert.DoesNotContain("made/up", await catalog.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);

        await millpond.PullManifestAsync("up/team/app", "1");
        using var kept = await GetAsync(millpond, $"/v2/up/team/app/referrers/{image.Digest}");
        upstream.ClearRequests();
        using var again = await GetAsync(millpond, $"/v2/up/team/app/referrers/{image.Digest}");
        Assert.Equal("hit", again.CacheStatus());
        upstream.AssertNoRequests();
    }

    [Fact]
    public async Task The_catalog_names_nothing_the_rules_keep_back_and_its_pages_have_no_gaps()
    {
        foreach (var name in Enumerable.Range(0, 9).Select(i => $"team/app{i}"))
        {
            upstream.Add(name, image, "a");
        }

        using var folder = new TemporaryFolder();
        var rule = MillpondHost.Rule("up", upstream);
        await using (var open = await MillpondHost.StartAsync([rule], new() { Data = folder }))
        {
            foreach (var i in Enumerable.Range(0, 9))
            {
                (await open.ManifestAsync($"up/team/app{i}", "a")).Dispose();
            }
        }

        rule = rule with { Allow = ["team/*"], Deny = ["team/app0", "team/app3", "team/app4", "team/app5"] };
        await using var millpond = await MillpondHost.StartAsync([rule], new() { Data = folder });
        var pages = new List<string>();
        for (var next = "/v2/_catalog?n=2"; next is not null;)
        {
            using var page = await GetAsync(millpond, next);
            pages.Add(string.Join(' ', await StringsAsync(page, "repositories")));
            next = page.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal(["up/team/app1 up/team/app2", "up/team/app6 up/team/app7", "up/team/app8"], pages);
    }

    [Fact]
    public async Task HEAD_of_a_list_is_GET_without_the_body()
    {
        await using var millpond = await MillpondHost.StartAsync([MillpondHost.Rule("up", upstream)]);
        foreach (var path in new[] { "/v2/", "/v2/_catalog", "/v2/up/team/app/tags/list", $"/v2/up/team/app/referrers/{image.Digest}" })
        {
            using var get = await GetAsync(millpond, path);
            using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(millpond.Address, path));
            using var head = await millpond.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
            Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
            Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
        }
    }

    private static Task<HttpResponseMessage> GetAsync(MillpondHost millpond, string path) => millpond.Client.GetAsync(millpond.Address + path[1..]);

    private static async Task<IEnumerable<string>> StringsAsync(HttpResponseMessage response, string name) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())![name]!.AsArray().Select(node => (string)node!).ToList();

    private static async Task<IEnumerable<string>> DigestsAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!["manifests"]!.AsArray().Select(node => (string)node!["digest"]!).ToList();
}
