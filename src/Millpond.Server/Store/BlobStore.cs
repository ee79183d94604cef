using System.Collections.Concurrent;
using System.Text.Json;
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
    private readonly ConcurrentDictionary<Digest, int> reading = new();
    private readonly ConcurrentDictionary<Digest, Staging> growing = new();

    /// <summary>Held while a partial is taken up or thrown away: short work on local files.</summary>
    private readonly Lock partials = new();

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
        Directory.CreateDirectory(blobs);
        Directory.CreateDirectory(stagings);
    }

    public DiskSpace Disk { get; }

    /// <summary>The store of a data folder, within the limits of its configuration.</summary>
    public static BlobStore Open(DataFolder data, StorageConfiguration configuration)
    {
        var drive = new DriveInfo(data.Path);
        var disk = new DiskSpace(() => (drive.TotalSize, drive.AvailableFreeSpace), configuration.Limit.Of, configuration.Headroom.Of);
        return new BlobStore(data.StorePath, data.StagingPath, data.BootId, disk);
    }

    /// <summary>Opens a blob; null where it is missing or has another length than expected (a cold miss, filled again).</summary>
    public StoredBlob? TryOpen(Digest digest, long? expectedLength)
    {
        reading.AddOrUpdate(digest, 1, static (_, count) => count + 1);
        try
        {
            var file = File.OpenHandle(BlobPath(digest), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            var length = RandomAccess.GetLength(file);
            if (expectedLength is null || length == expectedLength)
            {
                return new StoredBlob(this, digest, file, length);
            }

            file.Dispose();
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            // Absence is ordinary: asking first and opening then would be two calls and a race.
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Release(digest);
            throw;
        }

        Release(digest);
        return null;
    }

    /// <summary>The length in bytes of a blob that is here, or null.</summary>
    public long? FindLength(Digest digest)
    {
        var file = new FileInfo(BlobPath(digest));
        return file.Exists ? file.Length : null;
    }

    /// <summary>Whether bytes of this blob are kept from a download that was paused or killed.</summary>
    public bool HasPartial(Digest digest) => File.Exists(StagingPath(digest));

    /// <summary>Whether somebody reads the blob now.</summary>
    public bool IsReading(Digest digest) => reading.ContainsKey(digest);

    /// <summary>Deletes a blob; its length in bytes, 0 where it was not here.</summary>
    public long Delete(Digest digest)
    {
        var file = new FileInfo(BlobPath(digest));
        if (!file.Exists)
        {
            return 0;
        }

        var length = file.Length;
        file.Delete();
        Disk.StoreGrew(-length);
        return length;
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

    /// <summary>Starts a download from its first byte. Its blocks are reserved by <see cref="Staging.ReserveInBackground"/>.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public Staging Begin(Digest digest, long? size, string rule, string repository)
    {
        var path = StagingPath(digest);
        lock (partials)
        {
            DropPartialLocked(digest);
            File.Delete(path);
            var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            var staging = new Staging(this, path, file, new StagingNote(digest.ToString(), size, rule, repository, bootId, 0), 0);
            growing[digest] = staging;
            try
            {
                staging.WriteNote(0);
                return staging;
            }
            catch (IOException)
            {
                staging.Abandon();
                throw;
            }
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
        .. new DirectoryInfo(stagings).EnumerateFiles()
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

    /// <summary>Deletes partials that are older than the given time, have no note, or were left half made; running ones stay.</summary>
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
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            NativeMethods.SyncFolder(Path.GetDirectoryName(folder)!);
        }

        var before = FindLength(digest) ?? 0;
        File.Move(stagingPath, target, overwrite: true);
        Disk.StoreGrew(new FileInfo(target).Length - before);
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

    internal void Release(Digest digest)
    {
        while (reading.TryGetValue(digest, out var count))
        {
            if (count <= 1
                ? reading.TryRemove(new KeyValuePair<Digest, int>(digest, count))
                : reading.TryUpdate(digest, count - 1, count))
            {
                return;
            }
        }
    }

    private static StagingNote? ReadNote(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(NotePath(path)), StoreJson.Default.StagingNote);
        }
        catch (Exception unreadable) when (unreadable is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private long DropPartialLocked(Digest digest)
    {
        var file = new FileInfo(StagingPath(digest));
        if (growing.ContainsKey(digest) || !file.Exists)
        {
            return 0;
        }

        var length = file.Length;
        file.Delete();
        File.Delete(NotePath(file.FullName));
        Disk.Paused(-length);
        return length;
    }

    private Staging? TryResumeLocked(Digest digest)
    {
        var path = StagingPath(digest);
        if (ReadNote(path) is not { } note || note.Digest != digest.ToString() || !File.Exists(path))
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
        foreach (var file in new DirectoryInfo(stagings).EnumerateFiles())
        {
            var isNote = file.Name.EndsWith(".json", StringComparison.Ordinal);
            var path = isNote ? file.FullName[..^".json".Length] : file.FullName;
            if (running.Contains(path) || file.Name.EndsWith(".new", StringComparison.Ordinal) && running.Contains(path[..^".json.new".Length]))
            {
                continue;
            }

            if (file.LastWriteTimeUtc < olderThan.UtcDateTime || !File.Exists(path) || ReadNote(path) is null)
            {
                file.Delete();
            }
            else if (!isNote)
            {
                kept += file.Length;
            }
        }

        Disk.PausedAre(kept);
    }

    private string BlobPath(Digest digest) => Path.Join(blobs, digest.Algorithm, digest.Hex[..2], digest.Hex);

    private string StagingPath(Digest digest) => Path.Join(stagings, $"{digest.Algorithm}-{digest.Hex}");
}
