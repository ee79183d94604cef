namespace Millpond.Server.Store;

/// <summary>
/// What the data folder's disk has room for. Books in bytes: stored, staged by running downloads, kept in paused ones, and promised to
/// running downloads that have not written them yet.
/// </summary>
public sealed class DiskSpace
{
    private readonly Func<(long Size, long Free)> probe;
    private readonly Func<long, long> limitOf;
    private readonly Func<long, long> headroomOf;
    private readonly Lock gate = new();
    private long stored;
    private long staged;
    private long paused;
    private long uploaded;
    private long recorded;
    private long promised;
    private long reserved;

    /// <param name="probe">The disk's size and free bytes.</param>
    /// <param name="limitOf">The most the store may take, by the disk's size.</param>
    /// <param name="headroomOf">What is kept free, by the disk's size.</param>
    public DiskSpace(Func<(long Size, long Free)> probe, Func<long, long> limitOf, Func<long, long> headroomOf)
    {
        this.probe = probe;
        this.limitOf = limitOf;
        this.headroomOf = headroomOf;
    }

    /// <summary>Bytes of whole blobs.</summary>
    public long Stored => Volatile.Read(ref stored);

    /// <summary>Bytes of partial downloads, paused ones included, and of uploads.</summary>
    public long Staged => Volatile.Read(ref staged) + Volatile.Read(ref paused) + Uploaded;

    /// <summary>Bytes of pushes that are on their way.</summary>
    public long Uploaded => Volatile.Read(ref uploaded);

    /// <summary>Who can evict for those that only push: reserves as <see cref="TryPromise"/>, after making room where that can help.</summary>
    public Func<long, ValueTask<DiskPromise?>>? Evicting { get; set; }

    /// <summary>The most that <see cref="Stored"/> and <see cref="Staged"/> together may come to.</summary>
    public long Limit => limitOf(probe().Size);

    /// <summary>Bytes of the whole disk.</summary>
    public long Size => probe().Size;

    /// <summary>Bytes free on the disk, whoever uses the rest.</summary>
    public long Free => probe().Free;

    /// <summary>Bytes of manifests and lists in the catalog, which is on the same disk and counts against the limit.</summary>
    public long Recorded => Volatile.Read(ref recorded);

    /// <summary>Asks for room for this many bytes more; null where they do not fit.</summary>
    /// <param name="bytes">What will be written.</param>
    /// <param name="missing">How many bytes would have to go first; 0 where it fits.</param>
    public DiskPromise? TryPromise(long bytes, out long missing)
    {
        var (size, free) = probe();
        lock (gate)
        {
            var overLimit = Stored + Staged + Recorded + promised + bytes - limitOf(size);
            var overDisk = bytes + promised - reserved - (free - headroomOf(size));
            missing = Math.Max(0, Math.Max(overLimit, overDisk));
            if (missing > 0)
            {
                return null;
            }

            promised += bytes;
            return new DiskPromise(this, bytes);
        }
    }

    /// <summary>Whether this many bytes could fit were every whole blob and paused download gone: if not, evicting for them is in vain.</summary>
    public bool CouldEverFit(long bytes)
    {
        var (size, free) = probe();
        lock (gate)
        {
            return bytes <= limitOf(size) - Volatile.Read(ref staged) - Uploaded - promised
                && bytes <= free + Stored + Volatile.Read(ref paused) - headroomOf(size) - (promised - reserved);
        }
    }

    /// <summary>Reserves this many bytes, evicting for them where somebody can; null where they do not fit.</summary>
    public ValueTask<DiskPromise?> MakeRoomAsync(long bytes) => Evicting is { } evict ? evict(bytes) : new(TryPromise(bytes, out _));

    /// <summary>How many bytes are over the limit now.</summary>
    public long Excess()
    {
        var (size, free) = probe();
        return Math.Max(0, Math.Max(Stored + Staged + Recorded - limitOf(size), headroomOf(size) - free));
    }

    /// <summary>What manifests and lists take now.</summary>
    public void RecordedAre(long bytes) => Volatile.Write(ref recorded, bytes);

    internal void StagingGrew(long bytes) => Interlocked.Add(ref staged, bytes);

    internal void UploadGrew(long bytes) => Interlocked.Add(ref uploaded, bytes);

    internal void StoreGrew(long bytes) => Interlocked.Add(ref stored, bytes);

    internal void Paused(long bytes) => Interlocked.Add(ref paused, bytes);

    internal void PausedAre(long bytes) => Interlocked.Exchange(ref paused, bytes);

    internal void Shrink(DiskPromise promise, long bytes)
    {
        lock (gate)
        {
            var taken = Math.Min(bytes, promise.Left);
            promise.Left -= taken;
            promised -= taken;
            reserved -= promise.IsReserved ? taken : 0;
        }
    }

    internal void Grow(DiskPromise promise, DiskPromise more)
    {
        lock (gate)
        {
            promise.Left += more.Left;
            more.Left = 0;
        }
    }

    internal void Reserve(DiskPromise promise)
    {
        lock (gate)
        {
            reserved += promise.IsReserved ? 0 : promise.Left;
            promise.IsReserved = true;
        }
    }
}

/// <summary>Room that was promised to one download; shrinks as its bytes are written.</summary>
public sealed class DiskPromise : IDisposable
{
    private readonly DiskSpace disk;

    internal DiskPromise(DiskSpace disk, long bytes)
    {
        this.disk = disk;
        Left = bytes;
    }

    /// <summary>Bytes that are promised still.</summary>
    public long Left { get; internal set; }

    /// <summary>Whether the file system has taken them off the disk's free bytes already: they must not count twice.</summary>
    internal bool IsReserved { get; set; }

    /// <summary>These bytes are on the disk now and count there.</summary>
    public void Written(long bytes) => disk.Shrink(this, bytes);

    /// <summary>The file system holds the rest for this download.</summary>
    public void Reserved() => disk.Reserve(this);

    /// <summary>Takes over what was promised to the same download later; not after <see cref="Reserved"/>.</summary>
    public void Add(DiskPromise more) => disk.Grow(this, more);

    public void Dispose() => disk.Shrink(this, long.MaxValue);
}
