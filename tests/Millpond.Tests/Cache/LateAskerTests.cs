using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Lists;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Catalog;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Upstream;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>One who looked before another's question to the upstream was answered, and whose own turn comes after: it is not asked twice.</summary>
public sealed class LateAskerTests : IAsyncLifetime
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 41);

    private readonly FakeTimeProvider time = new();
    private FakeUpstream upstream = null!;
    private CacheParts parts = null!;

    public async ValueTask InitializeAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        parts = new CacheParts(upstream, time);
    }

    public async ValueTask DisposeAsync()
    {
        await parts.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Theory]
    [InlineData("1")]
    [InlineData(null)]
    public async Task A_cold_manifest_is_fetched_once(string? tag)
    {
        var reference = tag ?? Image.Digest.ToString();
        var target = parts.Target("team/app");
        var first = await parts.Fetch.RunAsync(target, reference, tag, null, RequestReason.Pull, CancellationToken.None);
        var late = await parts.Fetch.RunAsync(target, reference, tag, null, RequestReason.Pull, CancellationToken.None);
        Assert.Equal(CacheStatus.Miss, first.Status);
        Assert.Equal(CacheStatus.Hit, late.Status);
        Assert.Equal(Image.Digest, late.Value!.Digest);
        upstream.AssertRequests(1, RequestKind.Manifest);
    }

    [Fact]
    public async Task A_manifest_of_another_repository_is_not_had_by_its_digest_alone()
    {
        var digest = Image.Digest.ToString();
        await parts.Fetch.RunAsync(parts.Target("team/app"), digest, null, null, RequestReason.Pull, CancellationToken.None);
        var other = await parts.Fetch.RunAsync(parts.Target("team/other"), digest, null, null, RequestReason.Pull, CancellationToken.None);
        Assert.Equal(PullFailureKind.ManifestUnknown, other.Failure?.Kind);
    }

    [Fact]
    public async Task A_due_tag_is_checked_once()
    {
        var target = parts.Target("team/app");
        var seen = await DueAsync(target);
        Assert.Equal(CacheStatus.Revalidated, (await parts.Check.RunAsync(target, "1", seen, false, RequestReason.Check, CancellationToken.None)).Status);
        Assert.Equal(CacheStatus.Hit, (await parts.Check.RunAsync(target, "1", seen, false, RequestReason.Check, CancellationToken.None)).Status);
        upstream.AssertRequests(1, RequestKind.Manifest);
    }

    [Fact]
    public async Task A_check_that_failed_is_not_tried_at_once_again_unless_it_is_forced()
    {
        var target = parts.Target("team/app");
        var seen = await DueAsync(target);
        upstream.Arm(UpstreamFault.ServerError, times: 1);
        Assert.Equal(CacheStatus.Stale, (await parts.Check.RunAsync(target, "1", seen, false, RequestReason.Check, CancellationToken.None)).Status);
        Assert.Equal(CacheStatus.Stale, (await parts.Check.RunAsync(target, "1", seen, false, RequestReason.Check, CancellationToken.None)).Status);
        upstream.AssertRequests(1, RequestKind.Manifest);
        Assert.Equal(CacheStatus.Revalidated, (await parts.Check.RunAsync(target, "1", seen, true, RequestReason.Check, CancellationToken.None)).Status);
    }

    [Fact]
    public async Task A_due_list_is_asked_for_once()
    {
        var target = parts.Target("team/app");
        var asked = 0;
        await FindAsync(_ => TimeSpan.FromDays(1));
        time.Advance(TimeSpan.FromMinutes(5));

        // The other's whole turn passes between this one's look and its own question.
        var late = await FindAsync(_ =>
        {
            FindAsync(_ => TimeSpan.FromMinutes(1)).GetAwaiter().GetResult();
            return TimeSpan.FromMinutes(1);
        });
        Assert.Equal(2, asked);
        Assert.Equal("2", Assert.Single(await late.Value!.PageAsync(parts.Catalog, null, null, 10)).Name);

        Task<PullResult<KeptList>> FindAsync(Func<ListRow, TimeSpan> lifetime) => parts.Lists.FindAsync(
            target,
            new ListKind(
                "tags", "tags", 10,
                (_, _, _) => Task.FromResult(new UpstreamResult<ListPage>(UpstreamOutcome.Found, new ListPage([new ListEntry($"{++asked}")], null))), lifetime,
                () => new(false)),
            default, CancellationToken.None);
    }

    private async Task<TagEntry> DueAsync(RuleMatch target)
    {
        await parts.Fetch.RunAsync(target, "1", "1", null, RequestReason.Pull, CancellationToken.None);
        upstream.ClearRequests();
        time.Advance(TimeSpan.FromDays(1));
        return (await parts.Memory.FindTagAsync(target, "1"))!;
    }
}
