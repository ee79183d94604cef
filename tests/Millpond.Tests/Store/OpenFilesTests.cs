using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Store;

/// <summary>Files that are kept open are never more than the disk says.</summary>
public sealed class OpenFilesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly BlobStore store;

    public OpenFilesTests() =>
        store = new BlobStore(folder.File("store"), folder.File("staging"), "boot", new DiskSpace(() => (1L << 40, 1L << 40), size => size, _ => 0));

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_blob_that_another_program_took_away_or_cut_is_missing_also_where_its_file_is_open()
    {
        var (gone, cut) = (TestBlob.Generated(1, 5000), TestBlob.Generated(2, 5000));
        foreach (var blob in new[] { gone, cut })
        {
            await StoreAsync(blob);
            Read(blob);
        }

        File.Delete(PathOf(gone));
        using (var file = File.OpenHandle(PathOf(cut), access: FileAccess.Write))
        {
            RandomAccess.SetLength(file, 4999);
        }

        Assert.Null(store.TryOpen(gone.Digest, 5000));
        Assert.Null(store.TryOpen(cut.Digest, 5000));
        Assert.Null(store.TryOpen(gone.Digest, null));
        Assert.False(store.IsInUse(gone.Digest));
        await StoreAsync(gone);
        Read(gone);
    }

    [Fact]
    public async Task What_is_deleted_is_closed_and_what_is_kept_open_is_in_nobodys_use()
    {
        var blob = TestBlob.Generated(4, 5000);
        await StoreAsync(blob);
        Read(blob);
        Assert.False(store.IsInUse(blob.Digest));
        Assert.Contains(PathOf(blob), OpenPaths());
        Assert.Equal(5000, store.Delete(blob.Digest));
        Assert.Null(store.TryOpen(blob.Digest, 5000));
        Assert.DoesNotContain(OpenPaths(), path => path.Contains(blob.Digest.Hex, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_reads_reads_on_when_the_blob_is_deleted()
    {
        var blob = TestBlob.Generated(5, 5000);
        await StoreAsync(blob);
        using var reading = store.TryOpen(blob.Digest, 5000)!;
        store.Delete(blob.Digest);
        var bytes = new byte[5000];
        Assert.Equal(5000, reading.Read(bytes, 0));
        Assert.Equal(blob.ToArray(), bytes);
    }

    [Fact]
    public async Task No_more_files_stay_open_than_a_process_can_spare()
    {
        for (var i = 0; i < 300; i++)
        {
            var blob = TestBlob.Generated(1000 + i, 100);
            await StoreAsync(blob);
            Read(blob);
        }

        Assert.InRange(OpenPaths().Count(path => path.StartsWith(folder.Path, StringComparison.Ordinal)), 100, 140);
    }

    private void Read(TestBlob blob)
    {
        for (var i = 0; i < 2; i++)
        {
            using var stored = store.TryOpen(blob.Digest, blob.Length);
            var bytes = new byte[blob.Length];
            Assert.Equal(blob.Length, stored!.Read(bytes, 0));
            Assert.Equal(blob.ToArray(), bytes);
        }
    }

    private async Task StoreAsync(TestBlob blob)
    {
        var staging = store.Begin(blob.Digest, blob.Length, "up", "up/app");
        staging.Append(blob.ToArray());
        await staging.CommitAsync();
    }

    private string PathOf(TestBlob blob) => Path.Join(folder.File("store"), "sha256", blob.Digest.Hex[..2], blob.Digest.Hex);

    private static IEnumerable<string> OpenPaths() =>
        Directory.GetFiles("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget).OfType<string>().ToList();
}
