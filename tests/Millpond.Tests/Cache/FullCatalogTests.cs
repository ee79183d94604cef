using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Catalog.Sql;
using Millpond.Server.Configuration;
using Millpond.Server.Governing;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cache;

/// <summary>Tags whose rows cannot be written, because the catalog's disk is full.</summary>
public sealed class FullCatalogTests
{
    private static readonly TestImage Image = TestImages.OnePlatform(seed: 42);

    private readonly FakeTimeProvider time = new();

    [Theory]
    [InlineData(OnUpstreamDelete.Keep)]
    [InlineData(OnUpstreamDelete.Follow)]
    public async Task A_tag_that_upstream_deleted_is_served_or_followed_all_the_same(OnUpstreamDelete choice)
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var parts = NewParts(upstream, choice);
        await PullAsync(parts);
        Fill(parts);
        upstream.RemoveTag("team/app", "1");
        time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(CacheStatus.Stale, (await PullAsync(parts)).Status);
        time.Advance(TimeSpan.FromMinutes(3));
        var second = await PullAsync(parts);
        Assert.Equal(choice == OnUpstreamDelete.Follow ? PullFailureKind.ManifestUnknown : null, second.Failure?.Kind);
    }

    [Fact]
    public async Task A_tag_that_came_back_is_renewed_all_the_same()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        upstream.Add("team/app", Image, "1");
        await using var parts = NewParts(upstream, OnUpstreamDelete.Keep);
        await PullAsync(parts);
        upstream.RemoveTag("team/app", "1");
        time.Advance(TimeSpan.FromDays(1));
        await PullAsync(parts);
        Fill(parts);
        upstream.Tag("team/app", "1", Image.Digest);
        time.Advance(TimeSpan.FromMinutes(3));
        Assert.Equal(CacheStatus.Revalidated, (await PullAsync(parts)).Status);
    }

    private static async Task<PullResult<ManifestContent>> PullAsync(CacheParts parts)
    {
        var target = parts.Target("team/app");
        return await parts.Memory.FindTagAsync(target, "1") is { } seen
            ? await parts.Check.RunAsync(target, "1", seen, false, RequestReason.Check, CancellationToken.None)
            : await parts.Fetch.RunAsync(target, "1", "1", null, RequestReason.Pull, CancellationToken.None);
    }

    private CacheParts NewParts(FakeUpstream upstream, OnUpstreamDelete choice) => new(
        upstream, time, rule => rule with { OnUpstreamDelete = choice }, dialect: Dialect.Sqlite with { IsFull = static failure => failure is DbException });

    /// <summary>From now on every change of a tag fails as on a full disk.</summary>
    private static void Fill(CacheParts parts)
    {
        using var connection = new SqliteConnection($"Data Source={parts.CatalogFile};Pooling=False");
        connection.Execute(
            """
            CREATE TRIGGER no_update BEFORE UPDATE ON tags BEGIN SELECT RAISE(FAIL, 'full'); END;
            CREATE TRIGGER no_delete BEFORE DELETE ON tags BEGIN SELECT RAISE(FAIL, 'full'); END;
            """);
    }
}
