using System.Security.Cryptography;
using Millpond.Images;
using Millpond.Server.Store;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Store;

/// <summary>What any store of blobs must do; a second kind of store runs the same tests.</summary>
public sealed class BlobStoreConformance : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_blob_is_here_only_after_its_commit()
    {
        var store = NewStore();
        var (digest, bytes) = Blob(100_000);

        var staging = store.Begin(digest, bytes.Length, "quay", "quay/a");
        staging.Append(bytes);
        Assert.Null(store.TryOpen(digest, null));
        await staging.CommitAsync();

        using var blob = store.TryOpen(digest, bytes.Length);
        Assert.Equal(bytes, ReadAll(blob!));
        Assert.Empty(StagingFiles());
    }

    [Fact]
    public async Task A_reader_of_the_growing_file_reads_on_after_commit_and_delete()
    {
        var store = NewStore();
        var (digest, bytes) = Blob(70_000);
        var staging = store.Begin(digest, bytes.Length, "quay", "quay/a");
        staging.Append(bytes);
        staging.AddReference();
        await staging.CommitAsync();
        store.Delete(digest);

        var copy = new byte[bytes.Length];
        Assert.Equal(bytes.Length, staging.Read(copy, 0));
        staging.Release();
        Assert.Equal(bytes, copy);
    }

    [Theory]
    [InlineData(999)]
    [InlineData(1001)]
    public async Task A_blob_of_another_length_is_not_here(long expected)
    {
        var store = NewStore();
        var digest = await StoreAsync(store, 1000);
        Assert.Null(store.TryOpen(digest, expected));
        Assert.False(store.IsInUse(digest));
        using var blob = store.TryOpen(digest, 1000);
        Assert.True(store.IsInUse(digest));
    }

    [Fact]
    public async Task Reading_is_counted_until_the_last_reader_has_let_go()
    {
        var store = NewStore();
        var digest = await StoreAsync(store, 10);
        var first = store.TryOpen(digest, null)!;
        var second = store.TryOpen(digest, null)!;
        first.Dispose();
        first.Dispose();
        Assert.True(store.IsInUse(digest));
        second.Dispose();
        Assert.False(store.IsInUse(digest));
    }

    [Fact]
    public async Task A_kept_partial_is_taken_up_where_it_ended()
    {
        var (digest, bytes) = Blob(50_000);
        var store = NewStore();
        var staging = store.Begin(digest, bytes.Length, "quay", "quay/a");
        staging.Append(bytes.AsSpan(0, 30_000));
        await staging.KeepAsync();
        Assert.Equal(30_000, store.Disk.Staged);

        var resumed = store.TryResume(digest)!;
        Assert.Equal((30_000, 50_000L), (resumed.Written, resumed.Size));
        resumed.Append(bytes.AsSpan(30_000));
        await resumed.CommitAsync();
        using var blob = store.TryOpen(digest, bytes.Length);
        Assert.Equal(bytes, ReadAll(blob!));
        Assert.Equal((50_000, 0), (store.Disk.Stored, store.Disk.Staged));
    }

    [Fact]
    public async Task After_another_boot_only_flushed_bytes_are_trusted()
    {
        var (digest, bytes) = Blob(50_000);
        var killed = NewStore(bootId: "boot-1").Begin(digest, bytes.Length, "quay", "quay/a");
        killed.Append(bytes.AsSpan(0, 40_000));
        killed.WriteNote(0);

        // The process dies here: nothing is kept or settled, and the note still says that no byte was flushed.
        Assert.Equal(40_000, NewStore(bootId: "boot-1").TryResume(digest)!.Written);
        var afterReboot = NewStore(bootId: "boot-2").TryResume(digest)!;
        Assert.Equal(0, afterReboot.Written);
        await afterReboot.DiscardAsync();
    }

    [Fact]
    public void What_several_upstreams_brought_is_nobodys_alone_also_after_a_kill()
    {
        var (digest, bytes) = Blob(50_000);
        var killed = NewStore(bootId: "boot-1").Begin(digest, bytes.Length, "quay", "quay/a", origin: 7);
        killed.Append(bytes.AsSpan(0, 10_000));
        killed.WriteNote(0);
        Assert.Equal(("quay/a", 7L), NewStore(bootId: "boot-1").FindPartialOwner(digest));

        killed.Disown();
        killed.Append(bytes.AsSpan(10_000, 20_000));
        Assert.Null(NewStore(bootId: "boot-1").FindPartialOwner(digest));
    }

    [Fact]
    public async Task Bytes_are_flushed_on_the_way()
    {
        var (digest, bytes) = Blob(20 * 1024 * 1024);
        var staging = NewStore(bootId: "boot-1").Begin(digest, bytes.Length, "quay", "quay/a");
        staging.Append(bytes);
        await staging.KeepAsync();
        Assert.Equal(bytes.Length, NewStore(bootId: "boot-2").TryResume(digest)!.Written);
    }

    [Fact]
    public async Task A_sweep_deletes_old_and_unexplained_partials_and_leaves_running_ones()
    {
        var store = NewStore();
        var old = await PartialAsync(store, 1);
        foreach (var file in StagingFiles())
        {
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        }

        var fresh = await PartialAsync(store, 2);
        var running = Blob(3000);
        var staging = store.Begin(running.Digest, null, "quay", "quay/a");
        staging.Append(running.Bytes);
        await File.WriteAllTextAsync(Path.Join(folder.Path, "staging", "sha256-stray"), "x", TestContext.Current.CancellationToken);

        store.Sweep(DateTimeOffset.UnixEpoch.AddDays(1));

        Assert.Null(store.TryResume(old));
        Assert.NotNull(store.TryResume(fresh));
        Assert.False(File.Exists(Path.Join(folder.Path, "staging", "sha256-stray")));
        await staging.CommitAsync();
        Assert.Equal(running.Bytes.Length, store.FindLength(running.Digest));
    }

    [Fact]
    public async Task A_paused_download_is_listed_and_dropped_and_a_running_one_is_neither()
    {
        var store = NewStore();
        var paused = await PartialAsync(store, 1);
        var running = store.Begin(Blob(3000).Digest, 3000, "quay", "quay/a");
        running.Append(new byte[10]);
        Assert.Equal([paused], store.ListPartials().Select(partial => partial.Digest));

        Assert.Equal(0, store.DropPartial(running.Digest));
        Assert.Equal(500, store.DropPartial(paused));
        Assert.Empty(store.ListPartials());
        Assert.Equal(10, store.Disk.Staged);
        await running.DiscardAsync();
        Assert.Empty(StagingFiles());
        Assert.Equal(0, store.Disk.Staged);
    }

    [Fact]
    public async Task A_file_that_is_closed_takes_no_reader()
    {
        var store = NewStore();
        var staging = store.Begin(Blob(100).Digest, 100, "quay", "quay/a");
        staging.Append(new byte[100]);
        Assert.True(staging.TryAddReference());
        staging.Release();
        await staging.KeepAsync();
        Assert.False(staging.TryAddReference());
    }

    [Fact]
    public async Task The_store_lists_what_it_holds()
    {
        var store = NewStore();
        var one = await StoreAsync(store, 1);
        var two = await StoreAsync(store, 2);
        await File.WriteAllTextAsync(Path.Join(folder.Path, "store", "sha256", "readme"), "not a blob", TestContext.Current.CancellationToken);
        Assert.Equal([(one, 1L), (two, 2L)], store.Enumerate().OrderBy(blob => blob.Length));
        Assert.Equal(1, store.Delete(one));
        Assert.Equal(0, store.Delete(one));
        Assert.Equal([(two, 2L)], store.Enumerate());
    }

    [Fact]
    public async Task Sha512_blobs_live_beside_sha256_ones()
    {
        var store = NewStore();
        var bytes = new byte[] { 1, 2, 3 };
        var digest = Digest.FromHash("sha512", SHA512.HashData(bytes));
        var staging = store.Begin(digest, null, "quay", "quay/a");
        staging.Append(bytes);
        await staging.CommitAsync();
        Assert.Equal([(digest, 3L)], store.Enumerate());
    }

    private static (Digest Digest, byte[] Bytes) Blob(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return (Digest.Sha256(bytes), bytes);
    }

    private static byte[] ReadAll(StoredBlob blob)
    {
        var copy = new byte[blob.Length + 1];
        var count = 0;
        while (blob.Read(copy.AsSpan(count), count) is > 0 and var read)
        {
            count += read;
        }

        return copy[..count];
    }

    private static async Task<Digest> StoreAsync(BlobStore store, int length)
    {
        var (digest, bytes) = Blob(length);
        var staging = store.Begin(digest, length, "quay", "quay/a");
        staging.Append(bytes);
        await staging.CommitAsync();
        return digest;
    }

    private static async Task<Digest> PartialAsync(BlobStore store, int seed)
    {
        var (digest, bytes) = Blob(1000 + seed);
        var staging = store.Begin(digest, null, "quay", "quay/a");
        staging.Append(bytes.AsSpan(0, 500));
        await staging.KeepAsync();
        return digest;
    }

    private string[] StagingFiles() => Directory.GetFiles(Path.Join(folder.Path, "staging"));

    private BlobStore NewStore(string bootId = "boot") => new(
        Path.Join(folder.Path, "store"), Path.Join(folder.Path, "staging"), bootId,
        new DiskSpace(() => (1L << 40, 1L << 40), size => size, _ => 0));
}
