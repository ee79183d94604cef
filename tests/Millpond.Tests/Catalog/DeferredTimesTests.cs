using Microsoft.Data.Sqlite;
using Millpond.Images;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

/// <summary>Check times and last pulls: seen at once, written a little later.</summary>
public sealed class DeferredTimesTests
{
    private static readonly RepositoryName Name = Repository("quay/a");

    [Fact]
    public async Task A_renewed_check_time_is_seen_at_once_and_written_within_a_minute()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.PutImageAsync("quay/a", "v1", "one");
        var before = catalog.Now;
        var later = before.AddHours(1);

        catalog.Database.RenewTag(Name, "v1", later);

        Assert.Equal(later, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
        Assert.Equal(before.ToUnixTimeMilliseconds(), Stored(catalog, "SELECT checked_at FROM tags"));

        catalog.Time.Advance(TimeSpan.FromMinutes(1));
        await CommittedAsync(catalog);

        Assert.Equal(later.ToUnixTimeMilliseconds(), Stored(catalog, "SELECT checked_at FROM tags"));
        Assert.Equal(later, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
    }

    [Fact]
    public async Task What_is_pulled_while_times_are_written_does_not_keep_them_from_it()
    {
        await using var catalog = new TemporaryCatalog();
        for (var number = 0; number < 6_000; number++)
        {
            // So many that to copy them takes a moment.
            catalog.Database.Touch(Digest.Parse($"sha256:{number:x64}"), catalog.Now);
        }

        using var isPulling = new ManualResetEventSlim();
        var pulling = Task.Run(
            () =>
            {
                for (var number = 6_000; number < 10_000; number++)
                {
                    catalog.Database.Touch(Digest.Parse($"sha256:{number:x64}"), catalog.Now);
                    isPulling.Set();
                }
            },
            TestContext.Current.CancellationToken);
        isPulling.Wait(TestContext.Current.CancellationToken);

        await catalog.Database.Order.WritePullsAsync();

        await pulling;
    }

    [Fact]
    public async Task A_check_time_in_the_future_can_be_put_right()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.PutImageAsync("quay/a", "v1", "one");
        catalog.Database.RenewTag(Name, "v1", catalog.Now.AddYears(70));
        await catalog.ReopenAsync();

        catalog.Database.RenewTag(Name, "v1", catalog.Now);
        await catalog.ReopenAsync();

        Assert.Equal(catalog.Now, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
    }

    [Fact]
    public async Task A_moved_tag_keeps_the_check_time_it_was_moved_with()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.PutImageAsync("quay/a", "v1", "one");
        catalog.Database.RenewTag(Name, "v1", catalog.Now);
        catalog.Time.Advance(TimeSpan.FromSeconds(5));
        var moved = catalog.Now;

        await catalog.PutImageAsync("quay/a", "v1", "two");

        Assert.Equal(moved, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
        await catalog.ReopenAsync();
        Assert.Equal(moved, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
    }

    [Fact]
    public async Task Closing_writes_what_waits()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one");
        await catalog.Database.PutBlobAsync(DigestOf("blob"), 4, Name, "quay", catalog.Now);
        var later = catalog.Now.AddMinutes(3);
        catalog.Database.Touch(DigestOf("blob"), later);
        catalog.Database.Touch(digest, later);
        catalog.Database.RenewTag(Name, "v1", later);

        await catalog.ReopenAsync();

        Assert.Equal(later, catalog.Database.FindBlob(DigestOf("blob"))!.PulledAt);
        Assert.Equal(later, catalog.Database.FindTag(Name, "v1")!.CheckedAt);
        Assert.Equal(later.ToUnixTimeMilliseconds(), Stored(catalog, "SELECT pulled_at FROM manifests"));
    }

    [Fact]
    public async Task Blobs_are_evicted_in_the_order_of_their_last_pull_written_or_not()
    {
        await using var catalog = new TemporaryCatalog();
        foreach (var name in new[] { "a", "b", "c", "d", "e" })
        {
            await catalog.Database.PutBlobAsync(DigestOf(name), 1, Name, "quay", catalog.Now);
            catalog.Time.Advance(TimeSpan.FromSeconds(1));
        }

        catalog.Database.Touch(DigestOf("a"), catalog.Now);
        catalog.Database.Touch(DigestOf("c"), catalog.Now.AddSeconds(1));

        Assert.Equal(Digests("b", "d"), await OrderAsync(2));
        Assert.Equal(Digests("b", "d", "e", "a", "c"), await OrderAsync(int.MaxValue));

        await catalog.ReopenAsync();
        Assert.Equal(Digests("b", "d"), await OrderAsync(2));
        Assert.Equal(Digests("b", "d", "e", "a", "c"), await OrderAsync(100));

        async Task<IEnumerable<Digest>> OrderAsync(int limit)
        {
            await catalog.Database.Order.WritePullsAsync();
            return CatalogReads.Now(catalog.Database.Order.FirstAsync(limit)).Select(row => Digest.Parse(row.Key));
        }

        static IEnumerable<Digest> Digests(params string[] names) => names.Select(DigestOf);
    }

    /// <summary>Ends when all that was queued before is committed.</summary>
    private static Task CommittedAsync(TemporaryCatalog catalog) => catalog.Database.LinkAsync(Name, "quay", DigestOf("a later write"));

    /// <summary>What the file itself says.</summary>
    private static long Stored(TemporaryCatalog catalog, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={catalog.Folder}/catalog.db;Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }
}
