using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Bench;
using Millpond.Images;
using Millpond.Server.Catalog;
using Millpond.Server.Operations.Cost;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

[Trait("Category", "Heavy")]
public sealed class CatalogScaleTests(CatalogScaleTests.Filled catalog) : IClassFixture<CatalogScaleTests.Filled>
{
    [Fact]
    public async Task A_catalog_of_100_000_images_opens_and_answers_within_a_second()
    {
        var watch = Stopwatch.StartNew();
        await using var database = CatalogDatabase.Open(catalog.Folder, new FakeTimeProvider(), NullLogger<CatalogDatabase>.Instance);
        var tag = database.FindTag(Repository("quay/team77/app"), "v50077")!;
        Assert.NotNull(database.FindManifest(tag.Digest));
        Assert.True(database.IsLinked(Repository("quay/team77/app"), Numbered(8 * 50077 + 3, 1)));
        Assert.Equal(1000 + 50077, database.FindDescribedSize(Repository("quay/team77/app"), Numbered(8 * 50077 + 3, 1)));
        Assert.Equal(800_000_000, database.TotalBlobBytes());
        Assert.Equal(100, CatalogReads.Now(database.Order.FirstAsync(100)).Count);
        Assert.Equal(100, database.ListTags(Repository("quay/team77/app"), null, 100).Count);
        Assert.Empty(database.ListReferrers(Repository("quay/team77/app"), tag.Digest));
        watch.Stop();

        TestContext.Current.TestOutputHelper?.WriteLine($"opened and read in {watch.ElapsedMilliseconds} ms");
        Assert.InRange(watch.ElapsedMilliseconds, 0, 1000);
    }

    [Fact]
    public async Task What_100_000_images_take_is_added_up_in_seconds_and_little_memory()
    {
        await using var database = CatalogDatabase.Open(catalog.Folder, new FakeTimeProvider(), NullLogger<CatalogDatabase>.Instance);
        GC.Collect();
        var (before, peak) = (GC.GetTotalMemory(forceFullCollection: true), 0L);
        var watch = Stopwatch.StartNew();
        var adding = Task.Run(() => new StorageSum(database, [], new FakeTimeProvider().GetUtcNow()).AddUpAsync(TestContext.Current.CancellationToken));
        while (!adding.IsCompleted)
        {
            peak = Math.Max(peak, GC.GetTotalMemory(forceFullCollection: false) - before);
            await Task.WhenAny(adding, Task.Delay(20));
        }

        var (prefixes, bytes, _) = await adding;
        watch.Stop();
        TestContext.Current.TestOutputHelper?.WriteLine($"added up in {watch.ElapsedMilliseconds} ms with at most {peak / 1_000_000} MB more");
        var quay = Assert.Single(prefixes);
        Assert.Equal((500, 100_000, 1_000_000_000), (quay.Images, quay.Versions, bytes));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    private static Digest Numbered(long number, int kind) => Digest.Parse($"sha256:{number * 10 + kind:x64}");

    /// <summary>100,000 manifests of 2 KB with 8 layers each in 500 repositories: filled once for all.</summary>
    public sealed class Filled : IAsyncLifetime
    {
        private readonly TemporaryCatalog catalog = new();

        public string Folder => catalog.Folder;

        public async ValueTask InitializeAsync()
        {
            await catalog.Database.DisposeAsync();
            FullCatalog.Fill(Folder, 100_000, repositories: 500, CatalogReads.AnOrigin.Id);
        }

        public ValueTask DisposeAsync() => catalog.DisposeAsync();
    }
}
