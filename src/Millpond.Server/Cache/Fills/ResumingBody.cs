using Millpond.Images;
using Millpond.Server.Cache.Answers;
using Millpond.Server.Governing;
using Millpond.Server.Rules;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache.Fills;

/// <summary>
/// A blob's bytes as one unbroken sequence: a connection that breaks, stalls or trickles is given up, and the next one goes on by a closed
/// range, asked at the registry's own URL again, or at the upstream of another who was proven. Used by one reader at a time.
/// </summary>
internal sealed class ResumingBody : IDisposable
{
    private static readonly Task Never = new TaskCompletionSource().Task;

    private readonly GovernedUpstreams upstreams;
    private readonly Digest digest;
    private readonly Func<Asker> asker;
    private readonly long? end;
    private readonly TimeProvider time;
    private readonly MillpondMetrics metrics;
    private readonly HashSet<RepositoryName> triedInVain = [];
    private BlobConnection? connection;
    private int tries;
    private TimeSpan outage;

    /// <param name="asker">Why and for whom, as of now: one more urgent may join at any time.</param>
    /// <param name="position">Where to begin.</param>
    /// <param name="end">Where to stop, exclusive; null = at the blob's end.</param>
    /// <param name="size">The whole blob's size where a manifest described it: an upstream that says another is wrong.</param>
    public ResumingBody(
        GovernedUpstreams upstreams, RuleMatch target, Digest digest, Func<Asker> asker, long position, long? end, long? size,
        TimeProvider time, MillpondMetrics metrics)
    {
        this.upstreams = upstreams;
        Target = target;
        this.digest = digest;
        this.asker = asker;
        this.time = time;
        this.metrics = metrics;
        Position = position;
        this.end = end;
        Size = size;
    }

    /// <summary>Where others may be found who could take over; none for one client's own source.</summary>
    public ProvenReaders? Others { get; init; }

    /// <summary>Told from whom to whom the download was taken over, and at which byte.</summary>
    public Action<RuleMatch, RuleMatch, long>? TakenOver { get; init; }

    /// <summary>Whose upstream it comes from now.</summary>
    public RuleMatch Target { get; private set; }

    /// <summary>Who brought bytes, in order: each of them has the blob, if its digest holds.</summary>
    public List<RuleMatch> Sources { get; } = [];

    /// <summary>The offset of the next byte.</summary>
    public long Position { get; private set; }

    /// <summary>The whole blob's size in bytes, as soon as anybody said it.</summary>
    public long? Size { get; private set; }

    /// <summary>How often a connection was replaced.</summary>
    public int Resumes { get; private set; }

    /// <summary>The outcome of the last request, for the negative cache.</summary>
    public UpstreamResult<BlobBody>? LastResult { get; private set; }

    private GovernedUpstream Upstream => upstreams[Target.Rule];

    private string Name => Target.Rule.UpstreamName;

    /// <summary>Has the upstream answer, or says why it did not.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async Task<PullFailure?> OpenAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            PullFailure? failure = null;
            var isTakenOver = false;
            var inquiry = GovernedUpstream.InquiryOf(Target.UpstreamRepository, digest, asker, isResume: false);
            var result = await Upstream.Governor.TwiceAsync(
                inquiry,
                async () =>
                {
                    (isTakenOver, failure) = await ConnectOrTakeOverAsync(inquiry, cancellationToken);

                    // Taken over, nothing is held against whom nobody waits for any more.
                    return isTakenOver ? new UpstreamResult<BlobBody>(UpstreamOutcome.Found) : LastResult!;
                },
                cancellationToken);
            if (!isTakenOver)
            {
                LastResult = result;
                return result.IsFound ? null : failure ?? result.ToFailure(Target.Rule, PullFailureKind.BlobUnknown);
            }
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

    /// <summary>Reads on, over as many connections as it takes; 0 at the end of the blob only, and then nothing is held any more.</summary>
    /// <exception cref="FillFailedException">The upstream is given up.</exception>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            if ((end ?? Size) is { } stop && Position >= stop)
            {
                Disconnect();
                return 0;
            }

            if (connection is null)
            {
                await ReconnectAsync(cancellationToken);
            }

            var (count, broken) = await connection!.ReadAsync(buffer, cancellationToken);
            if (count > 0)
            {
                Advance(count);
                return count;
            }

            Disconnect();
            if (broken is null && Size is null)
            {
                return 0;
            }

            Upstream.Governor.BodyFailed(broken ?? $"{Name} ended {digest} after {Position} of {Size} bytes");
        }
    }

    /// <summary>Lets go of the connection and of its place among the upstream's; the next read goes on by a range.</summary>
    public void Disconnect()
    {
        connection?.Dispose();
        connection = null;
    }

    public void Dispose() => Disconnect();

    private void Advance(int count)
    {
        tries = 0;
        outage = TimeSpan.Zero;
        if (Sources.Count == 0 || Sources[^1] != Target)
        {
            Sources.Add(Target);
        }

        Position += count;
        metrics.BytesIn(Target.Rule.Prefix, Name, count);
        if (Size is { } promised && Position > promised)
        {
            throw new FillFailedException(Failure(PullFailureKind.UpstreamFailed, $"{Name} sent more than the {promised} bytes of {digest}"));
        }

        if (connection!.IsTrickle())
        {
            // Under the minimum rate for a minute: another upstream or connection may do better, and the bytes so far are kept.
            Disconnect();
            triedInVain.Clear();
            TryTakeOver();
        }
        else if (triedInVain.Count > 0)
        {
            triedInVain.Clear();
        }
    }

    /// <summary>Asks for the first answer; gives that up where it is long in coming and another could bring the blob.</summary>
    private async Task<(bool IsTakenOver, PullFailure? Failure)> ConnectOrTakeOverAsync(Inquiry inquiry, CancellationToken cancellationToken)
    {
        if (Others is null)
        {
            return (false, await ConnectAsync(inquiry, cancellationToken));
        }

        using var givingUp = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asking = ConnectAsync(inquiry, givingUp.Token);
        await ((Task)asking).WaitAsync(ResumePolicy.FirstPatience, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (asking.IsCompleted || !await IsOtherFirstAsync(asking))
        {
            return (false, await asking);
        }

        await givingUp.CancelAsync();
        await ((Task)asking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Disconnect();
        return (TryTakeOver(), null);
    }

    /// <summary>Whether another who could bring it comes, or is there, before the answer that is long in coming.</summary>
    private async Task<bool> IsOtherFirstAsync(Task asking)
    {
        while (true)
        {
            // Before the look at who is there, so that one who comes after it is not missed.
            var another = Others!.Another;
            if (FindOther() is not null)
            {
                return true;
            }

            await Task.WhenAny(asking, another);
            if (asking.IsCompleted)
            {
                return false;
            }
        }
    }

    private RuleMatch? FindOther() => Others?.FindTarget(
        Position, other => other.Repository != Target.Repository && !triedInVain.Contains(other.Repository) && !upstreams[other.Rule].Governor.IsOpen);

    private bool TryTakeOver()
    {
        if (FindOther() is not { } other)
        {
            return false;
        }

        triedInVain.Add(Target.Repository);
        TakenOver?.Invoke(Target, other, Position);
        Target = other;
        tries = 0;
        outage = TimeSpan.Zero;

        // What the former's manifest said of the length is nothing that this one's upstream is held to.
        Size = Position == 0 ? null : Size;
        return true;
    }

    private async Task ReconnectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            // Before the look at who is there, so that one who comes after it is not missed.
            var another = Others?.Another ?? Never;
            var decision = ResumePolicy.Next(new ResumeState(
                tries, outage, Upstream.Governor.IsOpen, FindOther() is not null, LastResult?.Outcome, LastResult?.RetryAfter));
            switch (decision.Step)
            {
                case ResumeStep.AwaitUpstream:
                    await AwaitUpstreamAsync(another, decision.Wait, cancellationToken);
                    break;
                case ResumeStep.TakeOver:
                    TryTakeOver();
                    break;
                case ResumeStep.GiveUp:
                    throw new FillFailedException(GivenUp());
                case ResumeStep.GiveUpLost:
                    throw new FillFailedException(Failure(
                        PullFailureKind.UpstreamUnreachable,
                        $"{Name} was lost at byte {Position} of {digest} and did not come back within {ResumePolicy.LongestOutage.TotalMinutes} minutes: "
                        + Upstream.Governor.LastFailure));
                default:
                    tries++;
                    if (decision.Wait > TimeSpan.Zero)
                    {
                        await Task.Delay(decision.Wait, time, cancellationToken);
                    }

                    Resumes++;
                    if (await ConnectAsync(GovernedUpstream.InquiryOf(Target.UpstreamRepository, digest, asker, isResume: true), cancellationToken) is null)
                    {
                        return;
                    }

                    break;
            }
        }
    }

    private async Task AwaitUpstreamAsync(Task another, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var begun = time.GetTimestamp();
        try
        {
            await Task.WhenAny(Upstream.Governor.Closed, another).WaitAsync(atMost, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // Then it is given up, unless it came back at that very moment.
        }

        outage += time.GetElapsedTime(begun);
    }

    /// <summary>One request, from <see cref="Position"/> on; skips what an upstream without ranges sends again.</summary>
    private async Task<PullFailure?> ConnectAsync(Inquiry inquiry, CancellationToken cancellationToken)
    {
        ByteRange? range = Position == 0 && end is null ? null : new ByteRange(Position, (end ?? Size) - 1);
        (connection, LastResult) = await BlobConnection.AskAsync(Upstream, Target, digest, inquiry, range, time, cancellationToken);
        if (connection?.TotalLength is { } total)
        {
            if (Size is { } known && known != total)
            {
                LastResult = LastResult with { Outcome = UpstreamOutcome.BadAnswer };
                Disconnect();
                return Failure(PullFailureKind.UpstreamFailed, $"{Name} says {digest} has {total} bytes, but its manifest says {known}");
            }

            Size = total;
        }

        if (connection is not null && await connection.SkipToAsync(Position, metrics, cancellationToken) is { } unusable)
        {
            Disconnect();
            LastResult = unusable;
        }

        return connection is null ? LastResult.ToFailure(Target.Rule, PullFailureKind.BlobUnknown) : null;
    }

    private PullFailure GivenUp()
    {
        var last = LastResult is { IsFound: false } refused
            ? refused.ToFailure(Target.Rule, PullFailureKind.BlobUnknown)
            : Failure(PullFailureKind.UpstreamFailed, "the connection broke each time");
        return last with
        {
            Reason = $"{Name} broke off at byte {Position} of {digest} and {ResumePolicy.MostTries} tries brought no more: {last.Reason}",
        };
    }

    private PullFailure Failure(PullFailureKind kind, string why) => new(kind, why, Target.Rule.Prefix, Name);
}
