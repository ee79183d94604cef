using System.Text;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Catalog;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>An upstream that is slow is worse than a dead one, where every client waits for it anew.</summary>
public sealed class SlowUpstreamTests
{
    private static readonly TestImage Old = TestImages.OnePlatform(seed: 101);
    private static readonly TestImage New = TestImages.OnePlatform(seed: 102);

    private readonly FakeTimeProvider time = new();

    [Fact]
    public async Task A_moved_tag_whose_manifest_does_not_come_keeps_one_client_waiting_and_not_the_next()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Old, "1");
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        await host.PullManifestAsync("up/team/app", "1");
        upstream.Add("team/app", New, "1");
        time.Advance(TimeSpan.FromHours(24));
        var hole = upstream.Arm(UpstreamFault.BlackHole, reference: New.Digest.ToString());
        var first = host.PullManifestAsync("up/team/app", "1");
        await hole.WhenTaken();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("stale", await first);

        // The clock stands still: who waited again would wait for ever.
        Assert.Equal("stale", await host.PullManifestAsync("up/team/app", "1"));
        hole.Disarm();
    }

    [Fact]
    public async Task A_list_of_many_pages_that_takes_longer_than_a_check_may_is_served_stale_and_is_no_failure_of_the_upstream()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var parts = new CacheParts(upstream, time);
        var lists = parts.Lists;
        var target = parts.Target("team/app");
        using (var old = parts.Catalog.Lists.Begin(parts.Known.At(target), "tags"))
        {
            await old.AddAsync([new ListEntry("old")]);
            await old.PutAsync(isCut: false, time.GetUtcNow());
        }

        time.Advance(TimeSpan.FromHours(1));
        var pages = new TaskCompletionSource<UpstreamResult<ListPage>>();
        var asked = 0;
        Task<PullResult<KeptList>>[] waiting = [.. Enumerable.Range(0, 3).Select(_ => FindAsync())];
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.All(await Task.WhenAll(waiting).WaitAsync(Patience.Limit, TestContext.Current.CancellationToken), list => Assert.Equal(CacheStatus.Stale, list.Status));
        Assert.False(parts.Upstreams[target.Rule].Governor.IsOpen);
        Assert.Equal(CacheStatus.Stale, (await FindAsync()).Status);

        pages.SetResult(new UpstreamResult<ListPage>(UpstreamOutcome.Found, new ListPage([new ListEntry("new")], null)));
        while ((await parts.Catalog.Lists.FindAsync(parts.Known.At(target), "tags"))!.CheckedAt != time.GetUtcNow())
        {
            await Task.Yield();
        }

        var kept = await FindAsync();
        Assert.Equal(CacheStatus.Hit, kept.Status);
        Assert.Equal("new", Assert.Single(await kept.Value!.PageAsync(parts.Catalog, null, null, 10)).Name);
        Assert.Equal(1, asked);

        Task<PullResult<KeptList>> FindAsync() => lists.FindAsync(
            target,
            new ListKind(
                "tags", "tags", 10,
                (_, _, _) =>
                {
                    Interlocked.Increment(ref asked);
                    return pages.Task;
                },
                _ => TimeSpan.FromMinutes(1), () => new(true)),
            default, CancellationToken.None);
    }

    [Fact]
    public async Task A_list_that_upstream_does_not_have_is_asked_for_once_in_half_a_minute()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var host = await MillpondHost.StartAsync(upstream, new MillpondHostOptions { Time = time });
        for (var i = 0; i < 3; i++)
        {
            using var absent = await host.Client.GetAsync(new Uri(host.Address, "/v2/up/team/none/tags/list"), TestContext.Current.CancellationToken);
            Assert.Equal(System.Net.HttpStatusCode.NotFound, absent.StatusCode);
        }

        Assert.Single(upstream.Requests(RequestKind.Tags));
        upstream.Add("team/none", Old, "1");
        time.Advance(TimeSpan.FromSeconds(30));
        using var present = await host.Client.GetAsync(new Uri(host.Address, "/v2/up/team/none/tags/list"), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.OK, present.StatusCode);
    }

    [Fact]
    public async Task A_stored_referrer_with_a_doubled_key_is_listed()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var parts = new CacheParts(upstream, time);
        var target = parts.Target("team/app");
        var content = Encoding.UTF8.GetBytes(
            $$$"""{"schemaVersion":2,"artifactType":"a/b","annotations":{"a":"1"},"annotations":{"a":"2","a":"3"},"layers":[],"subject":{"mediaType":"x","digest":"{{{Old.Digest}}}","size":1}}""");
        var row = new ManifestRow(Millpond.Images.Digest.Sha256(content), TestImages.OciManifest, content);
        await parts.Catalog.PutManifestAsync(
            parts.Known.At(target), row, ManifestDocument.TryParse(content, row.MediaType), null, time.GetUtcNow());
        upstream.GoDown();
        var referrers = await new ReferrerLists(parts.Lists, parts.Catalog, parts.Known).ListAsync(
            target, Old.Digest, null, null, 1000, default, CancellationToken.None);
        Assert.Equal(row.Digest.ToString(), Assert.Single(referrers.Value!.Manifests).Digest);
    }
}
