using System.Net;
using System.Text;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Manifests that say what no manifest should: an answer or a bad answer of the upstream, never a failure of this server.</summary>
public sealed class ForeignManifestTests
{
    [Theory]
    [InlineData("""{"schemaVersion":2,"mediaType":7,"config":{},"layers":[]}""")]
    [InlineData("""{"schemaVersion":2,"config":{"mediaType":"a/b","digest":7,"size":1},"layers":[]}""")]
    [InlineData("""{"schemaVersion":2,"config":{"digest":"sha256:zz","size":1},"layers":{}}""")]
    [InlineData("""{"schemaVersion":2,"config":{},"layers":[{"digest":"sha256:zz","size":-1}]}""")]
    [InlineData("""{"schemaVersion":2,"config":{},"layers":[{"size":1e999}]}""")]
    [InlineData("""{"schemaVersion":2,"config":{},"layers":[{"size":"many","urls":"http://x"}]}""")]
    [InlineData("""{"schemaVersion":2,"config":{},"layers":[null,7,"x",[]]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[{"platform":[],"digest":null}]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":[{"platform":{"os":7,"architecture":{}}}]}""")]
    [InlineData("""{"schemaVersion":"two","manifests":7}""")]
    [InlineData("""{"schemaVersion":2,"config":{},"layers":[],"annotations":[1,2]}""")]
    public async Task A_cold_pull_of_it_never_fails_inside_this_server(string document)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        foreach (var (name, type) in new[] { ("image", TestImages.OciManifest), ("index", TestImages.OciIndex) })
        {
            upstream.AddManifest($"team/{name}", new TestManifest(type, Encoding.UTF8.GetBytes(document)), "1");
        }

        await using var host = await MillpondHost.StartAsync(upstream);
        foreach (var name in new[] { "image", "index" })
        {
            using var answer = await host.ManifestAsync($"up/team/{name}", "1");
            Assert.Contains(answer.StatusCode, new[] { HttpStatusCode.OK, HttpStatusCode.BadGateway });
        }
    }

    [Fact]
    public async Task Whatever_is_thrown_in_a_cold_pull_is_a_bad_answer()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", TestImages.OnePlatform(seed: 291), "1");
        await using var parts = new CacheParts(upstream, new BrokenTime());
        var pull = await parts.Fetch.RunAsync(parts.Target("team/app"), "1", "1", null, RequestReason.Pull, TestContext.Current.CancellationToken);
        Assert.Equal(PullFailureKind.UpstreamFailed, pull.Failure?.Kind);
        await parts.Log.WhenLineAsync("could not be understood");
    }

    [Fact]
    public async Task Whatever_is_thrown_in_a_check_is_answered_stale()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        var image = TestImages.OnePlatform(seed: 292);
        upstream.Add("team/app", image, "1");
        await using var parts = new CacheParts(upstream, new BrokenTime("TagCheck"));
        var target = parts.Target("team/app");
        await parts.Fetch.RunAsync(target, "1", "1", null, RequestReason.Pull, TestContext.Current.CancellationToken);
        var seen = (await parts.Memory.FindTagAsync(target, "1"))!;
        var check = await parts.Check.RunAsync(target, "1", seen, isForced: true, RequestReason.Check, TestContext.Current.CancellationToken);
        Assert.Equal((CacheStatus.Stale, image.Digest), (check.Status, check.Value!.Digest));
        await parts.Log.WhenLineAsync("could not be understood");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_is_thrown_in_a_list_is_a_bad_answer_or_stale(bool isHere)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var parts = new CacheParts(upstream);
        var target = parts.Target("team/app");
        if (isHere)
        {
            using var old = parts.Catalog.Lists.Begin(parts.Known.At(target), "tags");
            await old.AddAsync([new ListEntry("old")]);
            await old.PutAsync(isCut: false, DateTimeOffset.UtcNow.AddDays(-1));
        }

        var list = await parts.Lists.FindAsync(
            target,
            new ListKind("tags", "tags", 10, (_, _, _) => throw new InvalidOperationException("It is broken."), _ => TimeSpan.FromMinutes(1), () => new(true)),
            default, TestContext.Current.CancellationToken);
        Assert.Equal(isHere ? CacheStatus.Stale : default, list.IsFound ? list.Status : default);
        Assert.Equal(isHere ? null : PullFailureKind.UpstreamFailed, list.Failure?.Kind);
        await parts.Log.WhenLineAsync("could not be understood");
    }

    /// <summary>The first thing that is asked of it once a manifest has come is when that was.</summary>
    private sealed class BrokenTime(string where = "ManifestFetch") : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new System.Diagnostics.StackTrace().ToString().Contains(where, StringComparison.Ordinal)
            ? throw new InvalidOperationException("It is broken.")
            : base.GetUtcNow();
    }
}
