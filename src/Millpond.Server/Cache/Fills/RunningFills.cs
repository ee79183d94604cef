using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Bounded;
using Millpond.Server.Cache.Memory;
using Millpond.Server.Governing;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// The one place that decides who fills a digest. At most one fill per digest runs; who asks for the same digest joins it. A peer's fill
/// would become a second origin behind <see cref="JoinOrLeadAsync"/>.
/// </summary>
internal sealed class RunningFills
{
    /// <summary>A range below this share of its blob is far smaller than it: it is worth no download that nobody waits for.</summary>
    private const int FarSmaller = 16;

    /// <summary>So little is fetched whole for any part of it: that costs less than to come back for the rest.</summary>
    private const long SmallBlob = 4L * 1024 * 1024;

    /// <summary>Blobs of which parts were asked that are remembered.</summary>
    private const int PartsRemembered = 2_000;

    private readonly GenerationCache<Digest, long> partsAsked = new(PartsRemembered, static _ => 1);
    private readonly ConcurrentDictionary<Digest, Fill> running = new();
    private readonly FillDownload download;
    private readonly LinkMemory known;
    private readonly int mostOrphans;
    private readonly long nearlyDone;
    private readonly TimeProvider time;
    private readonly CancellationToken stopping;
    private readonly Lock gate = new();
    private readonly HashSet<Fill> orphans = [];
    private long waiting;
    private bool draining;

    public RunningFills(FillDownload download, LinkMemory known, int mostOrphans, long nearlyDone, TimeProvider time, CancellationToken stopping)
    {
        this.download = download;
        this.known = known;
        this.mostOrphans = mostOrphans;
        this.nearlyDone = nearlyDone;
        this.time = time;
        this.stopping = stopping;
    }

    public int Running => running.Count;

    /// <summary>Readers that wait for bytes now.</summary>
    public long Waiting => Interlocked.Read(ref waiting);

    public Fill? Find(Digest digest) => running.GetValueOrDefault(digest);

    /// <summary>Ends when a download that its readers have whole is written down; at once where there is none.</summary>
    public Task SettledAsync(Digest digest) => Find(digest) is { Growth.End: FillEnd.Whole } fill ? fill.Ended : Task.CompletedTask;

    /// <summary>Whether this digest's file is in use by a fill.</summary>
    public bool IsRunning(Digest digest) => running.ContainsKey(digest);

    /// <summary>Joins the digest's fill or starts one for this target; one who is more urgent makes it so. The caller disposes the reader it gets.</summary>
    /// <param name="isProven">Whether this target was shown to have the blob: else it reads what its own upstream brings, from the first byte.</param>
    /// <exception cref="OperationCanceledException">The caller's token, or the server stops.</exception>
    public async Task<FillReader> JoinOrLeadAsync(
        RuleMatch target, Digest digest, long? size, Asker asker, bool isProven, CancellationToken cancellationToken)
    {
        while (true)
        {
            stopping.ThrowIfCancellationRequested();
            if (running.TryGetValue(digest, out var fill))
            {
                if (known.LastDrop(target.Repository) > fill.AsOf)
                {
                    fill.Drop();
                }

                if (fill.TryJoin(target, asker, isProven) is { } joined)
                {
                    return joined;
                }

                await fill.Ended.WaitAsync(cancellationToken);
                continue;
            }

            var own = new Fill(this, target, digest, size, asker, isProven, known.DropCount, time, stopping);
            var leader = own.TryJoin(target, asker, isProven)!;
            if (running.TryAdd(digest, own))
            {
                _ = RunAsync(own);
                return leader;
            }

            own.Dispose();
        }
    }

    /// <summary>Shutdown: fills with readers run on until the grace ends, the others pause at once; all keep their partials.</summary>
    public async Task DrainAsync(TimeSpan grace)
    {
        lock (gate)
        {
            draining = true;
        }

        foreach (var fill in running.Values)
        {
            if (fill.Readers == 0 && fill.Growth.End is not FillEnd.Whole)
            {
                fill.Pause();
            }
        }

        var none = WhenNoneRunsAsync();
        try
        {
            await none.WaitAsync(grace, time);
        }
        catch (TimeoutException)
        {
            foreach (var fill in running.Values)
            {
                fill.Pause();
            }

            await none;
        }
    }

    /// <summary>Ends when no fill runs, those included that begin meanwhile.</summary>
    public async Task WhenNoneRunsAsync()
    {
        while (running.Values.FirstOrDefault() is { } fill)
        {
            await fill.Ended;
        }
    }

    /// <summary>Whether a fill without readers goes on: little is left, or few others do, and what was asked of it is worth the whole.</summary>
    /// <param name="asked">Bytes that its readers wanted, all together.</param>
    internal bool MayRunOn(Fill fill, long asked)
    {
        lock (gate)
        {
            if (draining || !IsWorthTheWhole(fill, asked))
            {
                return false;
            }

            if (fill.Size is { } size && size - fill.Growth.Released <= nearlyDone)
            {
                return true;
            }

            return orphans.Contains(fill) || orphans.Count < mostOrphans && orphans.Add(fill);
        }
    }

    internal void Adopted(Fill fill)
    {
        lock (gate)
        {
            orphans.Remove(fill);
        }
    }

    internal void ReaderWaits(int change) => Interlocked.Add(ref waiting, change);

    /// <summary>
    /// Whether so much was asked of a blob that somebody will want the rest. Remembered from one fill to the next, so that a client that
    /// reads a blob in many ranges (zstd:chunked, eStargz) soon has it filled, and one that looks at its first byte has not.
    /// </summary>
    private bool IsWorthTheWhole(Fill fill, long asked)
    {
        if (fill.Size is not { } size || size <= SmallBlob || asked >= size / FarSmaller)
        {
            return true;
        }

        partsAsked.TryGet(fill.Digest, out var before);
        partsAsked.Set(fill.Digest, before + asked);
        return before + asked >= size / FarSmaller;
    }

    private async Task RunAsync(Fill fill)
    {
        var outcome = FillOutcome.Ended;
        try
        {
            outcome = await download.RunAsync(fill);
        }
        finally
        {
            fill.Close();
            Adopted(fill);
            running.TryRemove(new KeyValuePair<Digest, Fill>(fill.Digest, fill));
            fill.End();
            fill.Dispose();
        }

        if (outcome == FillOutcome.Damaged && !stopping.IsCancellationRequested)
        {
            // A partial from before the restart was damaged, or one of several upstreams lied: once more, from the first byte and from one
            // upstream alone, before that is blamed.
            var fresh = new Fill(this, fill.LedBy, fill.Digest, fill.Size, fill.Asker, isProven: false, known.DropCount, time, stopping);
            if (running.TryAdd(fill.Digest, fresh))
            {
                _ = RunAsync(fresh);
            }
        }
    }
}
