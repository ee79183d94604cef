using System.Buffers;
using Microsoft.Extensions.Logging;
using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Cache.Eviction;
using Millpond.Server.Store;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// The bytes of one run, from its upstream to its file and its readers. What has come is hashed, written and released while the next is on its way. Over TLS
/// upstream's bytes come by 16 KiB: those that are here already go together, as much as a block takes.
/// </summary>
internal sealed partial class FillCopy(FillRun run, ResumingBody body, DiskRoom eviction, TimeProvider time, ILogger log)
{
    /// <summary>What a block holds: large enough that it costs little beside its copy and hash.</summary>
    private const int BlockSize = 256 * 1024;

    /// <summary>The most that TLS brings at once: what comes in larger pieces is written piece by piece, while the next gathers in the kernel.</summary>
    private const int LargestRecord = 16 * 1024;

    /// <summary>Kept from one download to the next: 256 KiB made anew may have garbage collected first, before somebody's first byte. 4 MiB at most are kept.</summary>
    private static readonly ArrayPool<byte> Blocks = ArrayPool<byte>.Create(BlockSize, maxArraysPerBucket: 16);

    /// <summary>What is promised at once to a download whose size nobody said.</summary>
    public const long UnknownSizeStep = 4L * 1024 * 1024;

    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(30);

    private readonly Fill fill = run.Fill;
    private readonly Staging staging = run.Staging!;
    private readonly byte[] block = Blocks.Rent(BlockSize);
    private readonly CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(run.Fill.Pausing);

    private Task<int>? underWay;

    /// <summary>What has come and is not written stands in the block from here to <see cref="to"/>.</summary>
    private int from;
    private int to;
    private bool isSizeKnown = body.Size is not null;
    private bool isStarted;
    private bool isSettling;
    private long reported = time.GetTimestamp();

    /// <summary>Copies to the end of the blob; where the disk takes no more, gives why.</summary>
    /// <exception cref="FillFailedException">The upstream is given up; what it brought before is written.</exception>
    /// <exception cref="OperationCanceledException">The fill pauses; likewise.</exception>
    public async Task<IOException?> RunAsync()
    {
        try
        {
            if (staging.Written > 0)
            {
                Start(body.Size);
                fill.Release(staging.Written, 0);
            }

            while (true)
            {
                var (count, full) = await ReadAsync();
                if (full is not null)
                {
                    return full;
                }

                to += count;
                if (fill.Growth.Released == 0 && TryHold())
                {
                    // Who waits for the first bytes goes before the next ones, which may be here already, before their file, and before what is noted: who has
                    // been woken by them on this processor, and who waits for them here. Measured on two: 0.7 ms of the 2 that a client waited.
                    Thread.Yield();
                    await Task.Yield();
                }

                Start(body.Size);
                if ((count is 0 or > LargestRecord || fill.Growth.Released == 0 || BlockSize - to < LargestRecord) && await WriteAsync() is { } fullNow)
                {
                    return fullNow;
                }

                Settle();
                if (count == 0)
                {
                    return null;
                }

                Report();
            }
        }
        finally
        {
            if (underWay is not null)
            {
                // Nothing may come into a block that is given back.
                await ending.CancelAsync();
                await ((Task)underWay).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            ending.Dispose();
            Blocks.Return(block);
        }
    }

    /// <summary>The next bytes, after what has come; while they are waited for, and before it is told that there are none, that is written.</summary>
    private async ValueTask<(int Count, IOException? Full)> ReadAsync()
    {
        if (from == to)
        {
            from = to = 0;
        }

        int count;
        var sizeBefore = body.Size;
        var reading = body.ReadAsync(block.AsMemory(to, BlockSize - to), ending.Token);
        if (reading.IsCompletedSuccessfully)
        {
            count = await reading;
        }
        else
        {
            // While nothing comes there is time for all of it.
            underWay = reading.AsTask();
            Start(sizeBefore);
            if (await WriteAsync() is { } full)
            {
                return (0, full);
            }

            fill.Growth.Idle();
            if (TryOpen() is { } noFile)
            {
                return (0, noFile);
            }

            Settle();
            count = await underWay;
            underWay = null;
        }

        isSizeKnown = body.Size is not null;
        if (staging.Size is null && body.Size is { } size)
        {
            staging.SetSize(size);
        }

        return (count, null);
    }

    /// <summary>Hashes what has come, writes it to the file and releases it; why not, where the disk takes no more.</summary>
    private async ValueTask<IOException?> WriteAsync()
    {
        var (start, count) = (from, to - from);
        if (count > 0)
        {
            run.Hash.AppendData(block, start, count);
            try
            {
                if (run.Promise?.Left < count && !isSizeKnown)
                {
                    // Others may be making room: what is here already is told before that.
                    fill.Growth.Idle();
                    if (!await eviction.TryExtendAsync(run.Promise, UnknownSizeStep))
                    {
                        return new IOException("It does not fit on the disk.");
                    }
                }

                staging.Append(block.AsSpan(start, count));
                run.Promise?.Written(count);
            }
            catch (IOException full)
            {
                return full;
            }

            fill.Release(staging.Written, count);
        }

        // Not to the block's beginning here: a read may be under way behind it.
        from = to;
        return null;
    }

    /// <summary>Readers may begin, if they have not: with the first bytes, or where these have to be waited for.</summary>
    /// <param name="size">The blob's, where it is known; not to be looked at while a read may learn it.</param>
    private void Start(long? size, int held = 0)
    {
        if (!isStarted)
        {
            isStarted = true;
            fill.Start(staging, size, held);
        }
    }

    /// <summary>Gives readers the first bytes as soon as they are here; not what may end the blob, which its digest decides on.</summary>
    private bool TryHold()
    {
        var count = Math.Min(to, LargestRecord);
        if (count == 0 || staging.Written > 0 || body.Size is not { } size || count >= size)
        {
            return false;
        }

        staging.Hold(block.AsSpan(0, count));
        if (isStarted)
        {
            fill.Growth.Release(count);
        }
        else
        {
            Start(size, count);
        }

        return true;
    }

    private IOException? TryOpen()
    {
        try
        {
            staging.Open();
            return null;
        }
        catch (IOException refused)
        {
            return refused;
        }
    }

    private void Report()
    {
        if (time.GetElapsedTime(reported) >= ReportEvery)
        {
            reported = time.GetTimestamp();
            Log.Progress(log, fill.Digest, fill.LedBy.Repository, staging.Written, body.Size ?? -1, fill.Readers);
        }
    }

    /// <summary>Once there is a file: what is reserved is reserved for it.</summary>
    private void Settle()
    {
        if (isSettling || !staging.IsOpen)
        {
            return;
        }

        isSettling = true;
        if (run.Promise is not null)
        {
            _ = staging.SettleInBackground(run.Promise);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1102, LogLevel.Information, "Filling {Digest} for {Repository}: {Bytes} of {Size} bytes, {Readers} readers")]
        public static partial void Progress(ILogger logger, Digest digest, RepositoryName repository, long bytes, long size, int readers);
    }
}
