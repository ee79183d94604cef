using System.Collections.Concurrent;
using Millpond.Images;
using Millpond.Server.Rules;

namespace Millpond.Server.Cache;

/// <summary>
/// The one place that decides who fills a digest. At most one fill per digest runs; who asks for the same digest joins it. A peer's fill
/// would become a second origin behind <see cref="JoinOrLeadAsync"/>.
/// </summary>
internal sealed class Fills
{
    private readonly ConcurrentDictionary<Digest, Fill> running = new();
    private readonly FillWorkshop workshop;
    private readonly int mostOrphans;
    private readonly long nearlyDone;
    private readonly TimeProvider time;
    private readonly CancellationToken stopping;
    private readonly Lock gate = new();
    private readonly HashSet<Fill> orphans = [];
    private long waiting;
    private bool draining;

    public Fills(FillWorkshop workshop, int mostOrphans, long nearlyDone, TimeProvider time, CancellationToken stopping)
    {
        this.workshop = workshop;
        this.mostOrphans = mostOrphans;
        this.nearlyDone = nearlyDone;
        this.time = time;
        this.stopping = stopping;
    }

    public int Running => running.Count;

    /// <summary>Readers that wait for bytes now.</summary>
    public long Waiting => Interlocked.Read(ref waiting);

    public Fill? Find(Digest digest) => running.GetValueOrDefault(digest);

    /// <summary>Whether this digest's file is in use by a fill.</summary>
    public bool IsRunning(Digest digest) => running.ContainsKey(digest);

    /// <summary>Joins the digest's fill or starts one for this target; one who is more urgent makes it so. The caller leaves the fill it gets.</summary>
    /// <exception cref="OperationCanceledException">The caller's token, or the server stops.</exception>
    public async Task<Fill> JoinOrLeadAsync(RuleMatch target, Digest digest, long? size, RequestReason reason, CancellationToken cancellationToken)
    {
        while (true)
        {
            stopping.ThrowIfCancellationRequested();
            if (running.TryGetValue(digest, out var fill))
            {
                if (fill.TryJoin(reason))
                {
                    return fill;
                }

                await fill.Ended.WaitAsync(cancellationToken);
                continue;
            }

            var own = new Fill(this, target, digest, size, reason, time, stopping);
            own.TryJoin(reason);
            if (running.TryAdd(digest, own))
            {
                _ = RunAsync(own, resume: true);
                return own;
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
            if (fill.Readers == 0 && !fill.IsWhole)
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

    /// <summary>Whether a fill without readers goes on: little is left, or few others do.</summary>
    internal bool MayRunOn(Fill fill)
    {
        lock (gate)
        {
            if (draining)
            {
                return false;
            }

            if (fill.Size is { } size && size - fill.Released <= nearlyDone)
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

    private async Task RunAsync(Fill fill, bool resume)
    {
        // Off the first client's stack, whose request may end at any time.
        await Task.Yield();
        var again = false;
        try
        {
            again = await workshop.RunAsync(fill, resume);
        }
        catch (Exception unexpected)
        {
            // The one task of a fill: whatever it meets must reach its readers instead of leaving them waiting.
            workshop.LogUnexpected(fill, unexpected);
            fill.Fail(new PullFailure(
                PullFailureKind.UpstreamFailed, "the download failed inside this server; its log has the details", fill.Target.Rule.Prefix,
                fill.Target.Rule.UpstreamName));
        }
        finally
        {
            fill.Close();
            Adopted(fill);
            running.TryRemove(new KeyValuePair<Digest, Fill>(fill.Digest, fill));
            fill.End();
            fill.Dispose();
        }

        if (again && !stopping.IsCancellationRequested)
        {
            // A partial from before the restart was damaged: once more, from the first byte, before the upstream is blamed.
            var fresh = new Fill(this, fill.Target, fill.Digest, fill.Size, fill.Reason, time, stopping);
            if (running.TryAdd(fill.Digest, fresh))
            {
                _ = RunAsync(fresh, resume: false);
            }
        }
    }
}
