using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>
/// The growing bytes of one upload: one writer at a time appends and hashes them. Nobody reads them before they are moved into the store
/// under the digest that they turn out to have.
/// </summary>
public sealed class UploadFile : IDisposable
{
    /// <summary>Bytes between two flushes to disk, as for downloads: one fsync of everything at the end stalls every commit of the catalog.</summary>
    private const long FlushEvery = 16L * 1024 * 1024;

    private const int ReadBlock = 256 * 1024;

    private readonly BlobStore store;
    private readonly string path;
    private UploadNote note;

    /// <summary>Of the bytes from the first on; null where an earlier run wrote some of them.</summary>
    private IncrementalHash? hash;
    private SafeFileHandle? file;
    private Task flushing = Task.CompletedTask;
    private long written;
    private long flushStarted;
    private volatile bool flushFailed;

    internal UploadFile(BlobStore store, string path, UploadNote note, long written)
    {
        this.store = store;
        this.path = path;
        this.note = note;
        this.written = written;
        flushStarted = written;
        hash = written == 0 ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        store.Disk.UploadGrew(written);
    }

    /// <summary>The repository it is pushed to.</summary>
    public string Repository => note.Repository;

    /// <summary>How many bytes are here.</summary>
    public long Written => Volatile.Read(ref written);

    /// <summary>Appends; starts a flush in the background every 16 MiB.</summary>
    /// <exception cref="IOException">The disk is full or broken; what was here before is here still.</exception>
    public void Append(ReadOnlySequence<byte> block)
    {
        var handle = file ??= Open();
        if (block.IsSingleSegment)
        {
            RandomAccess.Write(handle, block.FirstSpan, written);
        }
        else
        {
            var parts = new List<ReadOnlyMemory<byte>>();
            foreach (var part in block)
            {
                parts.Add(part);
            }

            RandomAccess.Write(handle, parts, written);
        }

        foreach (var part in block)
        {
            hash?.AppendData(part.Span);
        }

        Volatile.Write(ref written, written + block.Length);
        store.Disk.UploadGrew(block.Length);
        if (written - flushStarted >= FlushEvery && flushing.IsCompleted)
        {
            flushStarted = written;
            flushing = Task.Run(() => FlushInBackground(handle, flushStarted));
        }
    }

    /// <summary>Whether the bytes are what the digest says. By SHA-256 it is known already, else they are read again.</summary>
    /// <exception cref="IOException">The disk is broken.</exception>
    public bool Is(Digest digest)
    {
        if (digest.Algorithm == "sha256" && hash is not null)
        {
            return Digest.FromHash(digest.Algorithm, hash.GetCurrentHash()) == digest;
        }

        using var again = IncrementalHash.CreateHash(digest.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);
        var handle = file ??= Open();
        var block = ArrayPool<byte>.Shared.Rent(ReadBlock);
        try
        {
            for (var at = 0L; at < written;)
            {
                var count = RandomAccess.Read(handle, block.AsSpan(0, (int)Math.Min(block.Length, written - at)), at);
                if (count == 0)
                {
                    return false;
                }

                again.AppendData(block, 0, count);
                at += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }

        return Digest.FromHash(digest.Algorithm, again.GetHashAndReset()) == digest;
    }

    /// <summary>Makes the bytes durable under their digest: data synced, moved, folder synced. The caller has verified them and holds the digest.</summary>
    /// <exception cref="IOException">The disk failed; nothing is in the store.</exception>
    public async Task PublishAsync(Digest digest)
    {
        var handle = file ??= Open();
        await flushing;
        if (flushFailed)
        {
            // The kernel reports a lost write once: the next flush would succeed without the bytes.
            throw new IOException($"Bytes of {digest} could not be written to the disk.");
        }

        await Task.Run(() =>
        {
            if (RandomAccess.GetLength(handle) != written)
            {
                // An append that failed half way.
                RandomAccess.SetLength(handle, written);
            }

            RandomAccess.FlushToDisk(handle);
            store.Publish(path, digest);
        });
        TryDelete(NotePath(path));
        Settle();
    }

    /// <summary>Throws the bytes away.</summary>
    public async Task DiscardAsync()
    {
        await flushing;
        TryDelete(path);
        TryDelete(NotePath(path));
        Settle();
    }

    /// <summary>Lets go of the file and keeps it: the next run takes it up.</summary>
    public void Dispose()
    {
        flushing.Wait();
        file?.Dispose();
        hash?.Dispose();
    }

    internal static string NotePath(string path) => path + ".json";

    internal static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What is left is swept with the uploads that are too old.
        }
    }

    /// <summary>The note first: bytes without one are nobody's.</summary>
    private SafeFileHandle Open()
    {
        if (written == 0)
        {
            WriteNote(0);
        }

        var opened = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        try
        {
            File.SetUnixFileMode(opened, PrivateParts.FileMode);
            if (RandomAccess.GetLength(opened) > written)
            {
                RandomAccess.SetLength(opened, written);
            }

            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private void WriteNote(long flushed)
    {
        var target = NotePath(path);
        var temporary = target + ".new";
        using (var output = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = PrivateParts.FileMode }))
        {
            JsonSerializer.Serialize(output, note with { Flushed = flushed }, UploadJson.Default.UploadNote);
        }

        File.Move(temporary, target, overwrite: true);
    }

    private void FlushInBackground(SafeFileHandle handle, long upTo)
    {
        try
        {
            RandomAccess.FlushToDisk(handle);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It shows when the upload is to be finished, where somebody can act on it.
            flushFailed = true;
            return;
        }

        try
        {
            WriteNote(upTo);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A note that is too old is only careful.
        }
    }

    private void Settle()
    {
        store.Disk.UploadGrew(-Interlocked.Exchange(ref written, 0));
        file?.Dispose();
        file = null;
        hash?.Dispose();
        hash = null;
    }
}
