using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Server.Store;

namespace Millpond.Server.Push;

/// <summary>
/// The uploads that are under way, bounded in number, bytes and age. Those of an earlier run go on where they stood. One that is left alone is
/// swept; where there are too many, the one that was left alone longest makes room for a new one.
/// </summary>
internal sealed partial class Uploads : IDisposable
{
    /// <summary>Of 128 random bits.</summary>
    private const int IdLength = 32;

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");

    /// <summary>So long an upload may be left alone before it makes room: clients that send chunks come again within seconds.</summary>
    private static readonly TimeSpan LeftAlone = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, Upload> running = new(StringComparer.Ordinal);
    private readonly BlobStore store;
    private readonly PushConfiguration limits;
    private readonly TimeProvider time;
    private readonly ILogger<Uploads> log;
    private readonly Lock gate = new();

    /// <summary>Bytes that were promised to uploads and have not come yet: many at once could each be within the bound alone.</summary>
    private long promised;

    public Uploads(BlobStore store, PushConfiguration limits, TimeProvider time, ILogger<Uploads> log)
    {
        this.store = store;
        this.limits = limits;
        this.time = time;
        this.log = log;
        foreach (var (id, repository, writtenAt, file) in store.Uploads.TakeUp())
        {
            if (IsId(id) && RepositoryName.TryParse(repository, out var name))
            {
                running[id] = new Upload(id, name, file, writtenAt.UtcTicks);
            }
            else
            {
                _ = file.DiscardAsync();
            }
        }
    }

    public int Count => running.Count;

    /// <summary>Begins an upload to a repository.</summary>
    public async Task<PushResult<Upload>> BeginAsync(RepositoryName repository)
    {
        var now = time.GetUtcNow().UtcTicks;
        Upload? leaving = null;
        Upload upload;
        lock (gate)
        {
            if (running.Count >= limits.Uploads)
            {
                leaving = running.Values.Where(other => !other.IsBusy).MinBy(static other => other.LastUsed);
                if (leaving is null || now - leaving.LastUsed < LeftAlone.Ticks)
                {
                    return new PushFailure(
                        PushFailureKind.TooManyUploads, $"{limits.Uploads} uploads are under way, and no more may be (push.uploads); try again when some have ended");
                }

                running.TryRemove(leaving.Id, out _);
            }

            var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdLength / 2));
            running[id] = upload = new Upload(id, repository, store.Uploads.Begin(id, repository.ToString()), now);
        }

        if (leaving is not null)
        {
            Log.MadeRoom(log, leaving.Repository, leaving.Offset);
            await DropAsync(leaving);
        }

        return upload;
    }

    /// <summary>The upload of this id, if it is one of the repository's.</summary>
    public Upload? Find(RepositoryName repository, string id)
    {
        if (id.Length != IdLength || !running.TryGetValue(id, out var upload) || upload.Repository != repository)
        {
            return null;
        }

        upload.Used(time.GetUtcNow().UtcTicks);
        return upload;
    }

    /// <summary>Reserves the disk for bytes that are to come, within what all uploads may take.</summary>
    public async ValueTask<DiskPromise?> ReserveAsync(long bytes)
    {
        var isWithin = store.Disk.Uploaded + Interlocked.Add(ref promised, bytes) <= limits.UploadBytes.Of(store.Disk.Size);
        var promise = isWithin ? await store.Disk.MakeRoomAsync(bytes) : null;
        if (promise is null)
        {
            Interlocked.Add(ref promised, -bytes);
        }

        return promise;
    }

    /// <summary>Of what was reserved so many bytes have come, or will not come.</summary>
    public void Settle(long bytes) => Interlocked.Add(ref promised, -bytes);

    /// <summary>The disk did not take what came.</summary>
    public void Failed(Upload upload, Exception failure) => Log.NotWritten(log, upload.Repository, failure.Message);

    /// <summary>It is finished: its bytes are in the store, or are to go.</summary>
    public void Forget(Upload upload)
    {
        upload.End();
        running.TryRemove(upload.Id, out _);
    }

    /// <summary>It was cancelled, or is of no use: whoever writes is stopped, and its bytes go.</summary>
    public async Task DropAsync(Upload upload)
    {
        using var turn = await upload.TakeTurnAsync(CancellationToken.None);
        if (!upload.IsOver)
        {
            Forget(upload);
            await upload.File.DiscardAsync();
        }
    }

    /// <summary>Drops what nobody has written to for longer than uploads are kept.</summary>
    public async Task SweepAsync()
    {
        var now = time.GetUtcNow().UtcTicks;
        foreach (var upload in running.Values)
        {
            if (upload.LastUsed > now)
            {
                // The clock was set back: its age is counted from here on.
                upload.Used(now);
            }

            if (!upload.IsBusy && now - upload.LastUsed > limits.UploadsFor.Ticks)
            {
                Log.Swept(log, upload.Repository, upload.Offset);
                await DropAsync(upload);
            }
        }
    }

    /// <summary>Lets go of the files and keeps them.</summary>
    public void Dispose()
    {
        foreach (var upload in running.Values)
        {
            upload.Dispose();
        }
    }

    private static bool IsId(string text) => text.Length == IdLength && !text.AsSpan().ContainsAnyExcept(LowerHex);

    private static partial class Log
    {
        [LoggerMessage(1801, LogLevel.Information, "An upload to {Repository} with {Bytes} bytes was left alone too long and is dropped (push.uploadsFor)")]
        public static partial void Swept(ILogger logger, RepositoryName repository, long bytes);

        [LoggerMessage(1803, LogLevel.Error, "Bytes of an upload to {Repository} could not be written, which the client was told: {Reason}")]
        public static partial void NotWritten(ILogger logger, RepositoryName repository, string reason);

        [LoggerMessage(1802, LogLevel.Warning, "Too many uploads are under way (push.uploads): one to {Repository} with {Bytes} bytes, left alone longest, makes room")]
        public static partial void MadeRoom(ILogger logger, RepositoryName repository, long bytes);
    }
}
