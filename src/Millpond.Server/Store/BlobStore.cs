using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Configuration;

namespace Millpond.Server.Store;

/// <summary>
/// Whole blobs by digest, and partial downloads beside them. A blob exists when its file does, at its length: the file is moved into
/// place only after its bytes were verified and synced. Knows nothing of upstreams or of the catalog.
/// </summary>
public sealed class BlobStore
{
    private readonly string blobs;
    private readonly string stagings;
    private readonly string bootId;
    /// <summary>How many files of each blob are open: stored ones, and growing ones with their writer and readers.</summary>
    private readonly ConcurrentDictionary<Digest, int> inUse = new();
    private readonly ConcurrentDictionary<Digest, Staging> growing = new();

    private readonly OpenFiles open = new();

    /// <summary>Folders whose own entry was synced in this run.</summary>
    private readonly ConcurrentDictionary<string, bool> lasting = new(StringComparer.Ordinal);

    /// <summary>Held while a partial is taken up or thrown away: short work on local files.</summary>
    private readonly Lock partials = new();

    /// <summary>Held while a blob's file comes or goes, so that its length is counted once.</summary>
    private readonly Lock counting = new();

    /// <param name="blobs">The folder of whole blobs; made where it is missing.</param>
    /// <param name="stagings">The folder of partial downloads, on the same disk.</param>
    /// <param name="bootId">Of this boot of the machine: tells whether the page cache of a partial survived.</param>
    /// <param name="disk">The books of the disk both folders are on.</param>
    public BlobStore(string blobs, string stagings, string bootId, DiskSpace disk)
    {
        this.blobs = blobs;
        this.stagings = stagings;
        this.bootId = bootId;
        Disk = disk;
        PrivateParts.Make(blobs);
        PrivateParts.Make(stagings);
        Damaged = new DamagedBlobs(Path.Join(blobs, "damaged"), FindPath);
        Uploads = new UploadFiles(Path.Join(stagings, "uploads"), bootId, this);
    }

    public DiskSpace Disk { get; }

    /// <summary>The bytes of pushes on their way.</summary>
    public UploadFiles Uploads { get; }

    /// <summary>Pushed blobs that were found damaged, and kept aside.</summary>
    public DamagedBlobs Damaged { get; }

    /// <summary>Who deletes a blob, and who must find it here.</summary>
    public BlobGuards Guards { get; } = new();

    /// <summary>Told of a blob and its length before its file is there, so that nobody takes that for one that no catalog lists.</summary>
    public Action<Digest, long>? Publishing { get; set; }

    /// <summary>The store of a data folder, within the limits of its configuration.</summary>
    public static BlobStore Open(DataFolder data, StorageConfiguration configuration)
    {
        var drive = new DriveInfo(data.Path);
        var disk = new DiskSpace(() => (drive.TotalSize, drive.AvailableFreeSpace), configuration.Limit.Of, configuration.Headroom.Of);
        return new BlobStore(data.StorePath, data.StagingPath, data.BootId, disk);
    }

    /// <summary>Opens a blob; null where it is missing, cannot be opened, or has another length than expected (a cold miss, filled again).</summary>
    public StoredBlob? TryOpen(Digest digest, long? expectedLength)
    {
        if (open.TryTake(digest, out var file))
        {
            if (expectedLength is null || file.Length == expectedLength)
            {
                Use(digest);
                return new StoredBlob(this, file);
            }

            file.Release();
        }

        return TryOpen(BlobPath(digest), digest, expectedLength, open.Keep);
    }

    /// <summary>Opens what is kept of a blob from a download that was paused or killed; null where there is none. Nobody has verified these bytes.</summary>
    public StoredBlob? TryOpenPartial(Digest digest) => growing.ContainsKey(digest) ? null : TryOpen(StagingPath(digest), digest, null, null);

    /// <summary>
    /// Opens a blob's file to hash it: nobody reads it for a client, so that it may be deleted meanwhile, and it takes no place among the files that
    /// are kept open. Null where it is missing or cannot be opened.
    /// </summary>
    internal SharedFile? TryOpenForCheck(Digest digest)
    {
        try
        {
            var file = File.OpenHandle(BlobPath(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return new SharedFile(digest, file, RandomAccess.GetLength(file));
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Takes a damaged blob's file out of the store and keeps it aside; false where it cannot be moved, and is deleted like any other then.</summary>
    internal bool SetAside(Digest digest)
    {
        lock (counting)
        {
            open.Close(digest);
            return Damaged.TryTake(digest);
        }
    }

    /// <summary>The length in bytes of a blob that is here, or null.</summary>
    public long? FindLength(Digest digest)
    {
        var file = new FileInfo(BlobPath(digest));
        return file.Exists ? file.Length : null;
    }

    /// <summary>Whether bytes of this blob are kept from a download that was paused or killed.</summary>
    public bool HasPartial(Digest digest) => File.Exists(StagingPath(digest));

    /// <summary>Whether somebody reads the blob now, whole or while it grows, or writes it: to delete it would free nothing.</summary>
    public bool IsInUse(Digest digest) => inUse.ContainsKey(digest);

    /// <summary>Deletes a blob; its length in bytes, 0 where it was not here or cannot be deleted.</summary>
    public long Delete(Digest digest)
    {
        lock (counting)
        {
            var file = new FileInfo(BlobPath(digest));
            if (!StoreFiles.TryDelete(file))
            {
                return 0;
            }

            open.Close(digest);
            Disk.StoreGrew(-file.Length);
            return file.Length;
        }
    }

    /// <summary>Every blob in the store with its length.</summary>
    public IEnumerable<(Digest Digest, long Length)> Enumerate()
    {
        foreach (var algorithm in new DirectoryInfo(blobs).EnumerateDirectories())
        {
            foreach (var file in algorithm.EnumerateFiles("*", SearchOption.AllDirectories))
            {
                if (Digest.TryParse($"{algorithm.Name}:{file.Name}", out var digest))
                {
                    yield return (digest, file.Length);
                }
            }
        }
    }

    /// <summary>Sets the count of stored bytes, from the catalog's sum at start.</summary>
    public void StartWith(long storedBytes) => Disk.StoreGrew(storedBytes - Disk.Stored);

    /// <summary>Counts a blob that was found here and was not in that sum.</summary>
    public void Found(long length) => Disk.StoreGrew(length);

    /// <summary>
    /// Starts a download from its first byte. Its file is made by its first append; it is noted, and its blocks reserved, by
    /// <see cref="Staging.SettleInBackground"/>.
    /// </summary>
    public Staging Begin(Digest digest, long? size, string rule, string repository, long origin = 0)
    {
        lock (partials)
        {
            if (HasPartial(digest))
            {
                DropPartialLocked(digest);
            }

            var staging = new Staging(this, StagingPath(digest), null, new StagingNote(digest.ToString(), size, rule, repository, bootId, 0, origin), 0);
            growing[digest] = staging;
            return staging;
        }
    }

    /// <summary>Takes up a partial download that an earlier run left, as far as it can be trusted; null where there is none.</summary>
    /// <exception cref="IOException">The disk is broken.</exception>
    public Staging? TryResume(Digest digest)
    {
        lock (partials)
        {
            return TryResumeLocked(digest);
        }
    }

    /// <summary>Downloads that were paused or killed, with the times of their last bytes.</summary>
    public IReadOnlyList<(Digest Digest, DateTimeOffset WrittenAt)> ListPartials() =>
    [
        .. StagingFiles()
            .Select(file => (IsPartial: Digest.TryParse(file.Name.Replace('-', ':'), out var digest), Digest: digest, WrittenAt: new DateTimeOffset(file.LastWriteTimeUtc)))
            .Where(file => file.IsPartial && !growing.ContainsKey(file.Digest))
            .Select(file => (file.Digest, file.WrittenAt)),
    ];

    /// <summary>Throws a paused download away; its length in bytes, 0 where it runs or is not here.</summary>
    public long DropPartial(Digest digest)
    {
        lock (partials)
        {
            return DropPartialLocked(digest);
        }
    }

    /// <summary>Deletes partials that are older than the given time, have no note, or were left half made, and gives back what the others reserved beyond their
    /// bytes; running ones stay.</summary>
    public void Sweep(DateTimeOffset olderThan)
    {
        lock (partials)
        {
            SweepLocked(olderThan);
        }
    }

    internal static string NotePath(string stagingPath) => stagingPath + ".json";

    internal void Publish(string stagingPath, Digest digest)
    {
        var target = BlobPath(digest);
        var folder = Path.GetDirectoryName(target)!;
        if (!lasting.ContainsKey(folder) || !Directory.Exists(folder))
        {
            // One after the other: the folders above would get the usual mode. Synced also where it is there: another may have just made it.
            var above = Path.GetDirectoryName(folder)!;
            Directory.CreateDirectory(above, PrivateParts.FolderMode);
            Directory.CreateDirectory(folder, PrivateParts.FolderMode);
            NativeMethods.SyncFolder(blobs);
            NativeMethods.SyncFolder(above);
            lasting[folder] = true;
        }

        Publishing?.Invoke(digest, new FileInfo(stagingPath).Length);
        lock (counting)
        {
            var before = FindLength(digest) ?? 0;
            File.Move(stagingPath, target, overwrite: true);
            open.Close(digest);
            Disk.StoreGrew(new FileInfo(target).Length - before);
        }

        NativeMethods.SyncFolder(folder);
    }

    /// <summary>The download has let go of its file; so many bytes of it are kept for later.</summary>
    internal void Forget(Staging staging, long kept)
    {
        // Together, so that a sweep finds the bytes in one of both books.
        lock (partials)
        {
            Disk.Paused(kept);
            growing.TryRemove(new KeyValuePair<Digest, Staging>(staging.Digest, staging));
        }
    }

    internal void Use(Digest digest) => inUse.AddOrUpdate(digest, 1, static (_, count) => count + 1);

    internal void Release(Digest digest)
    {
        while (inUse.TryGetValue(digest, out var count))
        {
            if (count <= 1
                ? inUse.TryRemove(new KeyValuePair<Digest, int>(digest, count))
                : inUse.TryUpdate(digest, count - 1, count))
            {
                return;
            }
        }
    }

    private StoredBlob? TryOpen(string path, Digest digest, long? expectedLength, Action<SharedFile>? opened)
    {
        Use(digest);
        try
        {
            var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var length = RandomAccess.GetLength(file);
            if (expectedLength is null || length == expectedLength)
            {
                var shared = new SharedFile(digest, file, length);
                opened?.Invoke(shared);
                return new StoredBlob(this, shared);
            }

            file.Dispose();
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            // Absence is ordinary: asking first and opening then would be two calls and a race. What cannot be opened is as good as absent:
            // it is fetched again, and takes the place of what is there.
        }

        Release(digest);
        return null;
    }

    /// <summary>Whose a paused download is: its repository, and where that one has it from; null where nobody's alone.</summary>
    public (string Repository, long Origin)? FindPartialOwner(Digest digest) =>
        HasPartial(digest) && StagingNote.TryRead(StagingPath(digest)) is { Origin: not 0 } note ? (note.Repository, note.Origin) : null;

    private long DropPartialLocked(Digest digest)
    {
        var file = new FileInfo(StagingPath(digest));
        if (growing.ContainsKey(digest) || !StoreFiles.TryDelete(file))
        {
            return 0;
        }

        StoreFiles.TryDelete(new FileInfo(NotePath(file.FullName)));
        Disk.Paused(-file.Length);
        return file.Length;
    }

    private Staging? TryResumeLocked(Digest digest)
    {
        var path = StagingPath(digest);
        if (StagingNote.TryRead(path) is not { } note || note.Digest != digest.ToString() || !File.Exists(path))
        {
            return null;
        }

        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var length = RandomAccess.GetLength(file);
        var trusted = note.BootId.Length > 0 && note.BootId == bootId ? length : Math.Min(length, note.Flushed);
        trusted = Math.Min(trusted, note.Size ?? trusted);
        if (trusted < length)
        {
            RandomAccess.SetLength(file, trusted);
        }

        Disk.Paused(-length);
        var staging = new Staging(this, path, file, note with { BootId = bootId }, trusted);
        growing[digest] = staging;
        return staging;
    }

    private void SweepLocked(DateTimeOffset olderThan)
    {
        var running = growing.Keys.Select(StagingPath).ToHashSet(StringComparer.Ordinal);
        var kept = 0L;
        foreach (var file in StagingFiles())
        {
            var isNote = file.Name.EndsWith(".json", StringComparison.Ordinal);
            var path = isNote ? file.FullName[..^".json".Length] : file.FullName;
            if (running.Contains(path) || file.Name.EndsWith(".new", StringComparison.Ordinal) && running.Contains(path[..^".json.new".Length]))
            {
                continue;
            }

            if (file.LastWriteTimeUtc < olderThan.UtcDateTime || !File.Exists(path) || StagingNote.TryRead(path) is null)
            {
                StoreFiles.TryDelete(file);
            }
            else if (!isNote)
            {
                StoreFiles.Trim(file);
                kept += file.Length;
            }
        }

        Disk.PausedAre(kept);
    }

    /// <summary>None where the folder cannot be read: then nothing is kept in it either.</summary>
    private FileInfo[] StagingFiles()
    {
        try
        {
            return new DirectoryInfo(stagings).GetFiles();
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private string BlobPath(Digest digest) => Path.Join(blobs, digest.Algorithm, digest.Hex[..2], digest.Hex);

    private string? FindPath(Digest digest) => BlobPath(digest) is var path && File.Exists(path) ? path : null;

    private string StagingPath(Digest digest) => Path.Join(stagings, $"{digest.Algorithm}-{digest.Hex}");
}
