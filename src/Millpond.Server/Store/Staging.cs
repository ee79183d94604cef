using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Millpond.Images;

namespace Millpond.Server.Store;

/// <summary>
/// A blob's bytes while they are still growing: one writer appends, any number of readers follow the same open file. Ref-counted: the
/// file stays open until the writer and the last reader have let go. Moved into the store by <see cref="CommitAsync"/>. A new one has no
/// file before it is opened or appended to: on a disk that is busy, making one takes tens of milliseconds.
/// </summary>
public sealed class Staging
{
    /// <summary>Bytes between two flushes to disk: one fsync of everything at the end stalls every catalog commit meanwhile (p99 109 ms against 15 ms).</summary>
    private const long FlushEvery = 16L * 1024 * 1024;

    /// <summary>Smaller blobs are written as fast as they could be reserved.</summary>
    private const long SmallestReserve = 4L * 1024 * 1024;

    private readonly BlobStore store;
    private readonly Lock noting = new();
    private volatile SafeFileHandle? file;
    private readonly string path;
    private StagingNote note;
    private Task flushing = Task.CompletedTask;
    private Task settling = Task.CompletedTask;
    private long written;
    private long flushStarted;
    private volatile bool flushFailed;
    private bool isNoted;

    /// <summary>The first bytes, for readers, from before they were written until then.</summary>
    private volatile byte[]? held;
    private int references = 1;
    private int settled;

    internal Staging(BlobStore store, string path, SafeFileHandle? file, StagingNote note, long written)
    {
        this.store = store;
        this.path = path;
        this.file = file;
        this.note = note;
        this.written = written;
        flushStarted = written;
        isNoted = written > 0;
        ResumedFrom = written;
        Digest = Digest.Parse(note.Digest);
        store.Disk.StagingGrew(written);
        store.Use(Digest);
    }

    public Digest Digest { get; }

    /// <summary>The whole blob's size in bytes, where it is known.</summary>
    public long? Size => note.Size;

    /// <summary>How many bytes were here from an earlier run; they are trusted only once the whole digest holds.</summary>
    public long ResumedFrom { get; }

    /// <summary>How many bytes the file holds. The writer's own view: readers follow what the fill has released.</summary>
    public long Written => Volatile.Read(ref written);

    /// <summary>Whether there is a file yet.</summary>
    public bool IsOpen => file is not null;

    /// <summary>Makes the file, where there is none yet; for the writer.</summary>
    /// <exception cref="IOException">The disk is full, broken, or takes no files.</exception>
    public void Open() => _ = OpenFile();

    /// <summary>Gives the first bytes to readers before they are written; <see cref="Append"/> gets them all the same.</summary>
    public void Hold(ReadOnlySpan<byte> first) => held = first.ToArray();

    /// <summary>Appends; starts a flush in the background every 16 MiB.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public void Append(ReadOnlySpan<byte> block)
    {
        RandomAccess.Write(OpenFile(), block, written);
        Volatile.Write(ref written, written + block.Length);
        held = null;
        store.Disk.StagingGrew(block.Length);
        if (written - flushStarted >= FlushEvery && flushing.IsCompleted)
        {
            flushStarted = written;
            AddReference();
            flushing = Task.Run(FlushInBackground);
        }
    }

    /// <summary>Reads bytes that were appended; the caller stays within what was released to it.</summary>
    public int Read(Span<byte> buffer, long offset)
    {
        // In this order: what is held no more is written.
        if (held is not { } first)
        {
            return RandomAccess.Read(file!, buffer, offset);
        }

        var part = first.AsSpan((int)Math.Min(offset, first.Length));
        part = part[..Math.Min(part.Length, buffer.Length)];
        part.CopyTo(buffer);
        return part.Length;
    }

    /// <summary>The growing file, for whoever holds a reference; what was not released to it is not for it. Null while the first bytes are not in it.</summary>
    internal SafeFileHandle? Handle => held is null ? file : null;

    /// <summary>Remembers the size once the upstream said it.</summary>
    public void SetSize(long size)
    {
        lock (noting)
        {
            note = note with { Size = size };
        }
    }

    /// <summary>
    /// Notes whose download this is and reserves the disk for all of it, while its first bytes are on their way to clients: the note takes a
    /// millisecond on a busy disk, the reservation of a gigabyte 4 to 27 ms. A disk that has not the room after all shows at an append; a partial that
    /// was killed before it was noted is swept.
    /// </summary>
    /// <param name="promise">What was promised for it.</param>
    /// <returns>Ends when both were tried; nobody has to wait for it.</returns>
    public Task SettleInBackground(DiskPromise promise)
    {
        Noted = Task.Run(NoteFirst);
        settling = note.Size is { } size && size - written >= SmallestReserve ? Task.WhenAll(Noted, Task.Run(() => Reserve(size, promise))) : Noted;
        return settling;
    }

    /// <summary>Ends when it was noted, or the disk took no note. Before its last byte is anybody's: after a kill the whole blob is still known by it.</summary>
    public Task Noted { get; private set; } = Task.CompletedTask;

    /// <summary>One more that reads, for whoever holds one already; pairs with <see cref="Release"/>.</summary>
    public void AddReference() => Interlocked.Increment(ref references);

    /// <summary>One more that reads; false where the last one has let go and the file is closed.</summary>
    public bool TryAddReference()
    {
        for (var count = Volatile.Read(ref references); count > 0; count = Volatile.Read(ref references))
        {
            if (Interlocked.CompareExchange(ref references, count + 1, count) == count)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One less; the last one closes the file.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref references) == 0)
        {
            file?.Dispose();
            store.Release(Digest);
        }
    }

    /// <summary>Makes the bytes durable under their digest: data synced, moved, folder synced. The caller has verified them.</summary>
    /// <exception cref="IOException">The disk failed; nothing is in the store.</exception>
    public async Task CommitAsync()
    {
        await Task.WhenAll(flushing, settling);
        if (flushFailed)
        {
            // The kernel reports a lost write once: the next flush would succeed without the bytes.
            throw new IOException($"Bytes of {Digest} could not be written to the disk.");
        }

        // An empty blob has had nothing appended.
        RandomAccess.FlushToDisk(OpenFile());
        store.Publish(path, Digest);
        File.Delete(BlobStore.NotePath(path));
        Settle();
    }

    /// <summary>Stops and keeps the bytes for a later resume.</summary>
    public async Task KeepAsync()
    {
        if (written == 0)
        {
            await DiscardAsync();
            return;
        }

        await Task.WhenAll(flushing, settling);
        try
        {
            // Gives back what was reserved beyond the bytes that are here.
            RandomAccess.SetLength(file!, written);
            RandomAccess.FlushToDisk(file!);
            WriteNote(written);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The disk is full or broken. The note from before still says how far the partial can be trusted.
        }

        Settle(kept: written);
    }

    /// <summary>Keeps the blob from being deleted until disposed: whoever commits one holds it until its row is written.</summary>
    public ValueTask<IDisposable> HoldAsync() => store.Guards.HoldAsync(Digest);

    /// <summary>Throws the bytes away; readers that have the file open read on.</summary>
    public async Task DiscardAsync()
    {
        await Task.WhenAll(flushing, settling);
        DeleteFiles();
        Settle();
    }

    /// <summary>
    /// Another upstream goes on with it: from now on it is nobody's alone, and whoever wants it shows that it has it. The note goes at once and
    /// comes again with the next flush: after a kill it would give the other's bytes to who brought the first.
    /// </summary>
    public void Disown()
    {
        // A flush in the background may be writing the old note at this moment: its file must not come after the deletion.
        lock (noting)
        {
            note = note with { Repository = "", Origin = 0 };
            try
            {
                File.Delete(BlobStore.NotePath(path));
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // A folder in which nothing can be deleted takes no bytes of the other's either.
            }
        }
    }

    private void Reserve(long size, DiskPromise promise)
    {
        if (file is { } opened && NativeMethods.TryReserve(opened, size))
        {
            promise.Reserved();
        }
    }

    /// <summary>Where no flush has come before it, whose note says more.</summary>
    private void NoteFirst()
    {
        lock (noting)
        {
            if (isNoted)
            {
                return;
            }

            try
            {
                WriteNote(flushed: 0);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // A disk that takes no note shows at an append; without one the partial is only not taken up.
            }
        }
    }

    /// <summary>Notes what is being downloaded and how much of it a crash leaves: a partial that says whose it is.</summary>
    internal void WriteNote(long flushed)
    {
        lock (noting)
        {
            isNoted = true;
            var target = BlobStore.NotePath(path);
            var temporary = target + ".new";
            using (var output = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = PrivateParts.FileMode }))
            {
                JsonSerializer.Serialize(output, note with { Flushed = flushed }, StoreJson.Default.StagingNote);
            }

            File.Move(temporary, target, overwrite: true);
        }
    }

    private void FlushInBackground()
    {
        var upTo = flushStarted;
        var isLost = true;
        try
        {
            RandomAccess.FlushToDisk(file!);
            isLost = false;
            WriteNote(upTo);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A failing disk shows at the commit, where somebody can act on it; a note that is too old is only careful.
        }
        finally
        {
            flushFailed |= isLost;
            Release();
        }
    }

    private SafeFileHandle OpenFile()
    {
        try
        {
            return file ??= StoreFiles.Create(path);
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException(refused.Message, refused);
        }
    }

    private void DeleteFiles()
    {
        if (file is null)
        {
            // What stands in its place is not this one's.
            return;
        }

        try
        {
            File.Delete(path);
            File.Delete(BlobStore.NotePath(path));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // What is left is thrown away when it is next taken up, or swept.
        }
    }

    private void Settle(long kept = 0)
    {
        if (Interlocked.Exchange(ref settled, 1) == 0)
        {
            store.Disk.StagingGrew(-written);
            store.Forget(this, kept);
            Release();
        }
    }
}
