using Millpond.Images;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>
/// A blob's bytes from its upstream as one unbroken sequence: a connection that breaks, stalls or trickles is given up, and the next
/// one goes on by a closed range, asked at the registry's own URL again. Used by one reader at a time.
/// </summary>
internal sealed class ResumingBody : IDisposable
{
    /// <summary>Tries without a byte of progress before it is given up (DESIGN: fill).</summary>
    private const int MostTries = 5;

    /// <summary>Tries before the first answer: a client waits, and the breaker opens at two failures anyway.</summary>
    private const int MostFirstTries = 2;

    /// <summary>The most a cold pull waits for its first answer, over all tries (DESIGN: errors).</summary>
    private static readonly TimeSpan FirstAnswer = TimeSpan.FromSeconds(30);

    /// <summary>The most a download under way waits, since its last byte, for an upstream whose breaker is open: a restart takes that long.</summary>
    private static readonly TimeSpan LongestOutage = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    private readonly GovernedUpstream upstream;
    private readonly RuleMatch target;
    private readonly Digest digest;
    private readonly Func<RequestReason> reason;
    private readonly long? end;
    private readonly TimeProvider time;
    private readonly MillpondMetrics metrics;
    private BlobBody? body;
    private CancellationTokenSource? idle;
    private CancellationTokenRegistration caller;
    private bool isCallerWatched;
    private int tries;
    private TimeSpan outage;
    private TimeSpan windowWaited;
    private long windowBytes;

    /// <param name="reason">Why, as of now: one more urgent may join at any time.</param>
    /// <param name="position">Where to begin.</param>
    /// <param name="end">Where to stop, exclusive; null = at the blob's end.</param>
    /// <param name="size">The whole blob's size where a manifest described it: an upstream that says another is wrong.</param>
    public ResumingBody(
        GovernedUpstream upstream, RuleMatch target, Digest digest, Func<RequestReason> reason, long position, long? end, long? size,
        TimeProvider time, MillpondMetrics metrics)
    {
        this.upstream = upstream;
        this.target = target;
        this.digest = digest;
        this.reason = reason;
        this.time = time;
        this.metrics = metrics;
        Position = position;
        this.end = end;
        Size = size;
    }

    /// <summary>The offset of the next byte.</summary>
    public long Position { get; private set; }

    /// <summary>The whole blob's size in bytes, as soon as anybody said it.</summary>
    public long? Size { get; private set; }

    /// <summary>How often a connection was replaced.</summary>
    public int Resumes { get; private set; }

    /// <summary>The outcome of the last request, for the negative cache.</summary>
    public UpstreamResult<BlobBody>? LastResult { get; private set; }

    /// <summary>Has the upstream answer, or says why it did not.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async Task<PullFailure?> OpenAsync(CancellationToken cancellationToken)
    {
        using var bound = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        var begun = 0L;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (await ConnectAsync(both.Token, WatchAnswer) is not { } failure)
                {
                    return null;
                }

                // A second try that has no time left would count as a second failure.
                if (attempt == MostFirstTries || LastResult is not { } last || !last.Outcome.IsTransient() || upstream.Governor.IsOpen
                    || time.GetElapsedTime(begun) + FirstDelay >= FirstAnswer)
                {
                    return failure;
                }

                await Task.Delay(FirstDelay, time, both.Token);
            }
            catch (OperationCanceledException) when (bound.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                LastResult = upstream.Governor.TimedOut<BlobBody>(
                    reason(), $"{upstream.Rule.UpstreamName} gave no answer for {FirstAnswer.TotalSeconds} s over all tries");
                return LastResult.ToFailure(upstream.Rule, PullFailureKind.BlobUnknown);
            }
        }

        // The bound is on the upstream's answers: not on the wait for a slot before, nor on what is skipped of a body after.
        void WatchAnswer(bool isAwaited)
        {
            begun = begun == 0 ? time.GetTimestamp() : begun;
            var left = FirstAnswer - time.GetElapsedTime(begun);
            bound.CancelAfter(!isAwaited ? Timeout.InfiniteTimeSpan : left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    /// <summary>Forgets what it has, to ask for the whole blob.</summary>
    /// <param name="size">As far as it is known from elsewhere.</param>
    public void StartOver(long? size)
    {
        Disconnect();
        Position = 0;
        Size = size;
    }

    /// <summary>Reads on, over as many connections as it takes; 0 at the end of the blob only.</summary>
    /// <exception cref="FillFailedException">The upstream is given up.</exception>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            if ((end ?? Size) is { } stop && Position >= stop)
            {
                return 0;
            }

            if (body is null)
            {
                await ReconnectAsync(cancellationToken);
            }

            var (count, broken) = await ReadOnceAsync(buffer, cancellationToken);
            if (count > 0)
            {
                tries = 0;
                outage = TimeSpan.Zero;
                Position += count;
                metrics.BytesIn(upstream.Rule.UpstreamName, count);
                if (Size is { } promised && Position > promised)
                {
                    throw new FillFailedException(
                        Failure(PullFailureKind.UpstreamFailed, $"{upstream.Rule.UpstreamName} sent more than the {promised} bytes of {digest}"));
                }

                if (IsTrickle())
                {
                    // Under the minimum rate for a minute: another connection may do better, and the bytes so far are kept.
                    Disconnect();
                }

                return count;
            }

            if (broken is null && Size is null)
            {
                return 0;
            }

            Disconnect();
            upstream.Governor.BodyFailed(broken ?? $"{upstream.Rule.UpstreamName} ended {digest} after {Position} of {Size} bytes");
        }
    }

    public void Dispose() => Disconnect();

    private async ValueTask<(int Count, string? Broken)> ReadOnceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
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

            idle!.CancelAfter(upstream.Rule.Timeouts.Idle);
            var count = await body!.Content.ReadAsync(buffer, idle.Token);

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
            return (0, $"the connection to {upstream.Rule.UpstreamName} broke after {Position} bytes of {digest}");
        }
    }

    private bool IsTrickle()
    {
        if (windowWaited < RateWindow)
        {
            return false;
        }

        var tooSlow = windowBytes < upstream.Rule.MinimumRate * windowWaited.TotalSeconds;
        StartWindow();
        return tooSlow;
    }

    private void StartWindow()
    {
        windowWaited = TimeSpan.Zero;
        windowBytes = 0;
    }

    private async Task ReconnectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await AwaitUpstreamAsync(cancellationToken);
            if (++tries > MostTries)
            {
                var last = LastResult is { IsFound: false } refused
                    ? refused.ToFailure(upstream.Rule, PullFailureKind.BlobUnknown)
                    : Failure(PullFailureKind.UpstreamFailed, "the connection broke each time");
                throw new FillFailedException(last with
                {
                    Reason = $"{upstream.Rule.UpstreamName} broke off at byte {Position} of {digest} and {MostTries} tries brought no more: {last.Reason}",
                });
            }

            if (tries > 1)
            {
                var delay = FirstDelay * Math.Pow(2, tries - 1);
                if (LastResult is { Outcome: UpstreamOutcome.Throttled, RetryAfter: { } asked } && asked > delay)
                {
                    delay = asked < LongestDelay ? asked : LongestDelay;
                }

                await Task.Delay(delay, time, cancellationToken);
            }

            Resumes++;
            if (await ConnectAsync(cancellationToken) is null)
            {
                return;
            }
        }
    }

    /// <summary>While the breaker is open nothing is asked, so that waiting for its probe is no try.</summary>
    private async Task AwaitUpstreamAsync(CancellationToken cancellationToken)
    {
        var closed = upstream.Governor.Closed;
        if (closed.IsCompleted)
        {
            return;
        }

        var begun = time.GetTimestamp();
        try
        {
            var left = LongestOutage - outage;
            await closed.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken);
            outage += time.GetElapsedTime(begun);
        }
        catch (TimeoutException)
        {
            throw new FillFailedException(Failure(
                PullFailureKind.UpstreamUnreachable,
                $"{upstream.Rule.UpstreamName} was lost at byte {Position} of {digest} and did not come back within {LongestOutage.TotalMinutes} minutes: "
                + upstream.Governor.LastFailure));
        }
    }

    /// <summary>One request, from <see cref="Position"/> on; skips what an upstream without ranges sends again.</summary>
    /// <param name="watch">Told when the answer begins to be awaited, and when it has come.</param>
    private async Task<PullFailure?> ConnectAsync(CancellationToken cancellationToken, Action<bool>? watch = null)
    {
        ByteRange? range = Position == 0 && end is null ? null : new ByteRange(Position, (end ?? Size) - 1);
        var result = await upstream.GetBlobAsync(reason, target.UpstreamRepository, digest, range, cancellationToken, () => watch?.Invoke(true));
        watch?.Invoke(false);
        LastResult = result;
        if (!result.IsFound)
        {
            return result.ToFailure(upstream.Rule, PullFailureKind.BlobUnknown);
        }

        body = result.Value;
        idle = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        StartWindow();
        if (body.TotalLength is { } total)
        {
            if (Size is { } known && known != total)
            {
                Disconnect();
                LastResult = result with { Outcome = UpstreamOutcome.BadAnswer };
                return Failure(
                    PullFailureKind.UpstreamFailed, $"{upstream.Rule.UpstreamName} says {digest} has {total} bytes, but its manifest says {known}");
            }

            Size = total;
        }

        return await SkipAsync(Position - body.Start, cancellationToken);
    }

    private async Task<PullFailure?> SkipAsync(long count, CancellationToken cancellationToken)
    {
        if (count <= 0)
        {
            return count == 0 ? null : StartsTooLate();
        }

        var scratch = System.Buffers.ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (count > 0)
            {
                var (read, broken) = await ReadOnceAsync(scratch.AsMemory(0, (int)Math.Min(scratch.Length, count)), cancellationToken);
                if (read == 0)
                {
                    Disconnect();
                    var reasonText = broken ?? $"{upstream.Rule.UpstreamName} ended {digest} early";
                    LastResult = new UpstreamResult<BlobBody>(UpstreamOutcome.Unreachable, null, reasonText);
                    return LastResult.ToFailure(upstream.Rule, PullFailureKind.BlobUnknown);
                }

                count -= read;
                metrics.BytesIn(upstream.Rule.UpstreamName, read);
            }

            return null;
        }
        finally
        {
            // The first answer's own bound ends with it; the reads that follow watch their caller.
            Unwatch();
            System.Buffers.ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private void Unwatch()
    {
        caller.Dispose();
        isCallerWatched = false;
    }

    private PullFailure StartsTooLate()
    {
        Disconnect();
        LastResult = new UpstreamResult<BlobBody>(
            UpstreamOutcome.BadAnswer, null, $"{upstream.Rule.UpstreamName} answered another range of {digest} than byte {Position} on");
        return LastResult.ToFailure(upstream.Rule, PullFailureKind.BlobUnknown);
    }

    private void Disconnect()
    {
        Unwatch();
        body?.Dispose();
        body = null;
        idle?.Dispose();
        idle = null;
    }

    private PullFailure Failure(PullFailureKind kind, string why) => new(kind, why, upstream.Rule.Prefix, upstream.Rule.UpstreamName);
}
