using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Millpond.Server.Catalog;
using static Millpond.Tests.Catalog.TemporaryCatalog;

namespace Millpond.Tests.Catalog;

/// <summary>Crashes, damage, and files of other versions.</summary>
public sealed class CatalogRecoveryTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("millpond-recovery-");

    private string DatabasePath => Path.Join(folder.FullName, "catalog.db");

    [Fact]
    public async Task What_was_committed_survives_a_kill()
    {
        await using var catalog = new TemporaryCatalog();
        var digest = await catalog.PutImageAsync("quay/a", "v1", "one", "layer");
        await catalog.Database.PutBlobAsync(DigestOf("layer"), 5, Repository("quay/a"), "quay", catalog.Now);

        // The files as a killed process leaves them: nothing was closed, the last transactions are in the WAL only.
        CopyFiles(catalog);

        await using var copy = OpenCopy();
        Assert.Equal(digest, copy.FindTag(Repository("quay/a"), "v1")!.Digest);
        Assert.NotNull(copy.FindManifest(digest));
        Assert.Equal(5, copy.TotalBlobBytes());
    }

    [Fact]
    public async Task A_torn_log_loses_whole_transactions_only()
    {
        await using var catalog = new TemporaryCatalog();
        await catalog.ReopenAsync();
        const int Count = 20;
        for (var i = 0; i < Count; i++)
        {
            await catalog.PutImageAsync("quay/a", $"v{i}", $"image {i}", $"layer {i}", $"other {i}");
            await catalog.Database.PutBlobAsync(DigestOf($"layer {i}"), 7, Repository("quay/a"), "quay", catalog.Now);
        }

        var seen = new HashSet<int>();
        var length = new FileInfo(Path.Join(catalog.Folder, "catalog.db-wal")).Length;
        for (var cut = 0; cut <= 12; cut++)
        {
            CopyFiles(catalog);
            using (var log = File.OpenWrite(DatabasePath + "-wal"))
            {
                log.SetLength(length * cut / 12);
            }

            await using var copy = OpenCopy();
            var tags = copy.ListTags(Repository("quay/a"), null, 100);
            seen.Add(tags.Count);
            foreach (var tag in tags)
            {
                var digest = copy.FindTag(Repository("quay/a"), tag)!.Digest;
                Assert.NotNull(copy.FindManifest(digest));
                Assert.True(copy.IsLinked(Repository("quay/a"), digest));
                Assert.NotNull(copy.FindDescribedSize(Repository("quay/a"), DigestOf($"other {tag[1..]}")));
            }

            Assert.Equal(copy.ListBlobs().Sum(blob => blob.Size), copy.TotalBlobBytes());
        }

        Assert.Contains(0, seen);
        Assert.Contains(Count, seen);
        Assert.True(seen.Count > 5, "the cuts should fall into different transactions");
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_with_what_to_do()
    {
        File.WriteAllText(DatabasePath, new string('x', 5000));

        var refusal = Assert.Throws<CatalogUnusableException>(() => OpenCopy());

        Assert.Contains(DatabasePath, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("Restore it from a backup, or move", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(5000, new FileInfo(DatabasePath).Length);
    }

    [Fact]
    public async Task A_file_that_has_lost_its_pages_is_refused_with_what_to_do()
    {
        await OpenCopy().DisposeAsync();
        using (var file = File.OpenWrite(DatabasePath))
        {
            file.SetLength(4096);
        }

        var refusal = Assert.Throws<CatalogUnusableException>(() => OpenCopy());
        Assert.Contains("damaged", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_schema_is_refused_and_left_alone()
    {
        await OpenCopy().DisposeAsync();
        Change("INSERT INTO schema_versions (version) VALUES (999)");

        var refusal = Assert.Throws<CatalogUnusableException>(() => OpenCopy());

        Assert.Contains("schema 999", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("newer Millpond", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_migration_that_fails_leaves_the_file_as_it_was()
    {
        Change("CREATE TABLE tags (something TEXT)");

        var refusal = Assert.Throws<CatalogUnusableException>(() => OpenCopy());

        Assert.Contains("from schema 0 to", refusal.Message, StringComparison.Ordinal);
        using var connection = new SqliteConnection($"Data Source={DatabasePath};Pooling=False");
        Assert.Equal(0, connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master WHERE name = 'repositories'"));
    }

    [Fact]
    public void A_folder_in_its_place_is_refused_with_what_to_check()
    {
        Directory.CreateDirectory(DatabasePath);

        var refusal = Assert.Throws<CatalogUnusableException>(() => OpenCopy());

        Assert.Contains("cannot be opened", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_interrupted_before_the_first_table_is_taken_up_again()
    {
        await OpenCopy().DisposeAsync();
        Change("DELETE FROM schema_versions");
        foreach (var table in Tables())
        {
            Change($"DROP TABLE {table}");
        }

        await using var copy = OpenCopy();
        Assert.True(copy.Answers(out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_catalog_without_origins_keeps_its_bytes_and_what_was_pushed_and_takes_no_pull_for_a_proof(long version)
    {
        SchemaText.Migrate($"Data Source={DatabasePath};Pooling=False", version);
        var (row, document) = Image("one", "layer");
        var digest = row.Digest.ToString();
        Change($"INSERT INTO repositories VALUES ('quay/a', 'quay'), ('own/b', NULL)");
        Change($"INSERT INTO links VALUES ('quay/a', '{digest}'), ('own/b', '{digest}')");
        Change($"INSERT INTO tags VALUES ('quay/a', 'v1', '{digest}', 0, 1, NULL), ('own/b', 'v1', '{digest}', 1, 1, NULL)");
        Change($"INSERT INTO manifests VALUES ('{digest}', '{row.MediaType}', NULL, NULL, {row.Content.Length}, 1, 1)");
        Change($"INSERT INTO manifest_bytes VALUES ('{digest}', X'{Convert.ToHexString(row.Content.Span)}')");
        Change($"INSERT INTO children VALUES ('{digest}', '{document.Blobs[0].Digest}', 5, 1)");
        Change($"INSERT INTO blobs VALUES ('{document.Blobs[0].Digest}', 5, 1, 1)");

        await using var copy = OpenCopy();
        Assert.Equal(row.Content.ToArray(), copy.FindManifest(row.Digest)!.Content.ToArray());
        Assert.Equal(5, copy.FindBlob(document.Blobs[0].Digest)!.Size);
        Assert.Equal(row.Content.Length + 200, copy.RecordedBytes);
        Assert.False(copy.IsLinked(Repository("quay/a"), row.Digest));
        Assert.Null(copy.FindTag(Repository("quay/a"), "v1"));
        Assert.True(copy.IsLinked(Repository("own/b"), row.Digest));
        Assert.Equal(TagOrigin.Pushed, copy.FindTag(Repository("own/b"), "v1")!.Origin);
        Assert.Equal([Repository("own/b")], copy.ListRepositories(null, 10));
        Assert.Empty(await copy.Incomplete.ListAsync());

        // What was pushed is no cache.
        Assert.DoesNotContain(CatalogReads.Now(copy.Order.FirstAsync(10)), evictable => evictable.Kind == EvictableKind.Manifest);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private CatalogDatabase OpenCopy() =>
        CatalogDatabase.Open(folder.FullName, new FakeTimeProvider(), NullLogger<CatalogDatabase>.Instance);

    private List<string> Tables()
    {
        using var connection = new SqliteConnection($"Data Source={DatabasePath};Pooling=False");
        return [.. connection.Query<string>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'schema_versions'")];
    }

    private void Change(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={DatabasePath};Pooling=False");
        connection.Execute(sql);
    }

    /// <summary>Database and log; the log's index (-shm) is made anew, as after a reboot.</summary>
    private void CopyFiles(TemporaryCatalog catalog)
    {
        File.Delete(DatabasePath + "-shm");
        foreach (var name in new[] { "catalog.db", "catalog.db-wal" })
        {
            File.Copy(Path.Join(catalog.Folder, name), Path.Join(folder.FullName, name), overwrite: true);
        }
    }
}
