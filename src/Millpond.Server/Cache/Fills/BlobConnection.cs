using System.Buffers;
using Millpond.Images;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// One connection for a blob's bytes: asked for, skipped forward where the upstream begins too early, watched for silence and for its rate.
/// What is done when it ends is decided elsewhere. Used by one reader at a time.
/// </summary>
internal sealed class BlobConnection : IDisposable
{
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(60);

    private readonly GovernedUpstream upstream;
    private readonly Digest digest;
    private readonly BlobBody body;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource idle;
    private CancellationTokenRegistration caller;
    private bool isCallerWatched;
    private TimeSpan windowWaited;
    private long windowBytes;

    private BlobConnection(GovernedUpstream upstream, Digest digest, BlobBody body, TimeProvider time)
    {
        this.upstream = upstream;
        this.digest = digest;
        this.body = body;
        this.time = time;
        idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
    }

    /// <summary>The whole blob's length, where the upstream said it.</summary>
    public long? TotalLength => body.TotalLength;

    /// <summary>Asks for the blob's bytes; no connection where the result is no success.</summary>
    public static async Task<(BlobConnection? Connection, UpstreamResult<BlobBody> Result)> AskAsync(
        GovernedUpstream upstream, RuleMatch target, Digest digest, Inquiry inquiry, ByteRange? range, TimeProvider time, CancellationToken cancellationToken)
    {
        var result = await upstream.GetBlobAsync(inquiry, target.UpstreamRepository, digest, range, cancellationToken);
        return (result.IsFound ? new BlobConnection(upstream, digest, result.Value, time) : null, result);
    }

    /// <summary>Brings it to this offset, which an upstream without ranges has to send its way to; why not, or null.</summary>
    public async ValueTask<UpstreamResult<BlobBody>?> SkipToAsync(long position, MillpondMetrics metrics, CancellationToken cancellationToken)
    {
        var count = position - body.Start;
        if (count <= 0)
        {
            return count == 0 ? null : new UpstreamResult<BlobBody>(
                UpstreamOutcome.BadAnswer, null, $"{upstream.Rule.UpstreamName} answered another range of {digest} than byte {position} on");
        }

        var scratch = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (count > 0)
            {
                var (read, broken) = await ReadAsync(scratch.AsMemory(0, (int)Math.Min(scratch.Length, count)), cancellationToken);
                if (read == 0)
                {
                    return new UpstreamResult<BlobBody>(UpstreamOutcome.Unreachable, null, broken ?? $"{upstream.Rule.UpstreamName} ended {digest} early");
                }

                count -= read;
                metrics.BytesIn(upstream.Rule.Prefix, upstream.Rule.UpstreamName, read);
            }

            return null;
        }
        finally
        {
            // The first answer's own bound ends with it; the reads that follow watch their caller.
            Unwatch();
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>The next bytes; 0 at its end, with the reason where that is no clean end.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async ValueTask<(int Count, string? Broken)> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        try
        {
            // Once for each connection and not for each read: a body has thousands of reads.
            if (!isCallerWatched)
            {
                isCallerWatched = true;
                caller = cancellationToken.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), idle);
            }

            idle.CancelAfter(upstream.Rule.Timeouts.Idle);
            var count = await body.Content.ReadAsync(buffer, idle.Token);

            // What passes until the next read is the reader's time, not the upstream's.
            idle.CancelAfter(Timeout.InfiniteTimeSpan);
            windowWaited += time.GetElapsedTime(begun);
            windowBytes += count;
            return (count, null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (0, $"{upstream.Rule.UpstreamName} sent nothing for {upstream.Rule.Timeouts.Idle.TotalSeconds} s in the middle of {digest}");
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (0, $"the connection to {upstream.Rule.UpstreamName} broke in the middle of {digest}");
        }
    }

    /// <summary>Whether it stayed under the rule's minimum rate for a minute.</summary>
    public bool IsTrickle()
    {
        if (windowWaited < RateWindow)
        {
            return false;
        }

        var tooSlow = windowBytes < upstream.Rule.MinimumRate * windowWaited.TotalSeconds;
        windowWaited = TimeSpan.Zero;
        windowBytes = 0;
        return tooSlow;
    }

    public void Dispose()
    {
        Unwatch();
        body.Dispose();
        idle.Dispose();
    }

    private void Unwatch()
    {
        caller.Dispose();
        isCallerWatched = false;
    }
}
