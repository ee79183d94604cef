using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

public sealed class CatalogConcurrencyTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Readers_see_whole_transactions_while_fifty_write()
    {
        await using var catalog = new TemporaryCatalog();
        const int Writers = 50;
        const int Rounds = 6;
        using var ended = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() => ReadUntil(catalog.Database, ended.Token))).ToArray();

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                // The tag moves in every round; the layers carry the round, so that a reader can tell a mixture.
                await catalog.PutImageAsync("quay/a", $"v{writer}", $"image {writer}", $"{writer}/{round}/x", $"{writer}/{round}/y");
                await catalog.Database.PutBlobAsync(DigestOf($"{writer}/{round}/x"), 3, Repository("quay/a"), "quay", catalog.Now);
            }
        }))).WaitAsync(Patience);
        await ended.CancelAsync();
        var seen = await Task.WhenAll(readers).WaitAsync(Patience);

        Assert.All(seen, count => Assert.True(count > 0));
        Assert.Equal(Writers, catalog.Database.ListTags(Repository("quay/a"), null, 1000).Count);
        Assert.Equal(3L * Writers * Rounds, catalog.Database.TotalBlobBytes());
    }

    [Fact]
    public async Task Closing_while_writes_run_loses_none_that_were_acknowledged()
    {
        await using var catalog = new TemporaryCatalog();
        var writes = Enumerable.Range(0, 200).Select(i => catalog.Database.PutBlobAsync(DigestOf($"{i}"), 1, null, null, catalog.Now)).ToArray();

        await catalog.ReopenAsync();

        var acknowledged = writes.Count(write => write.IsCompletedSuccessfully);
        Assert.Equal(200, acknowledged);
        Assert.Equal(acknowledged, catalog.Database.ListBlobs().Count);
    }

    [Fact]
    public async Task A_closed_catalog_says_so()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.Database.DisposeAsync();

        Assert.Throws<ObjectDisposedException>(() => catalog.Database.TotalBlobBytes());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => catalog.Database.RemoveBlobAsync(DigestOf("x")));
        Assert.False(catalog.Database.Answers(out var why));
        Assert.NotEmpty(why);
    }

    private static int ReadUntil(CatalogDatabase database, CancellationToken ended)
    {
        var seen = 0;
        while (!ended.IsCancellationRequested || seen == 0)
        {
            foreach (var tag in database.ListTags(Repository("quay/a"), null, 1000))
            {
                var row = database.FindTag(Repository("quay/a"), tag)!;
                var manifest = database.FindManifest(row.Digest);
                Assert.NotNull(manifest);
                Assert.True(database.IsLinked(Repository("quay/a"), row.Digest));
                Assert.All(
                    ManifestDocument.TryParse(manifest.Content, manifest.MediaType)!.Blobs,
                    layer => Assert.Equal(layer.Size, database.FindDescribedSize(Repository("quay/a"), layer.Digest)));
                seen++;
            }
        }

        return seen;
    }
}
