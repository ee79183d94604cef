using Microsoft.Extensions.Logging;
using Millpond.Server.Bounded;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

/// <summary>
/// Between the cache and one upstream with one credential: slots, rate limit, breaker, what is left alone for a while, and the count of
/// every request by reason. Token requests pass below it and take no slot, else a request that holds one could wait for another.
/// </summary>
internal sealed class Governor
{
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(250);

    /// <summary>Content that failed is asked for again soon, for it is often one bad moment; a client's own retries come every ten seconds or so.</summary>
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(30);

    /// <summary>Bytes of memory for content that failed: some thousands of names.</summary>
    private const long BackOffBytes = 4L * 1024 * 1024;

    private readonly string upstream;
    private readonly TimeProvider time;
    private readonly MillpondMetrics metrics;
    private readonly PrioritySlots bodies;
    private readonly PrioritySlots requests;
    private readonly RateBudget budget;
    private readonly Breaker breaker;
    private readonly Probing probing;
    private readonly BackOffs<string, Failure> backOffs;
    private readonly Lock gate = new();
    private DateTimeOffset? lastSuccess;
    private DateTimeOffset? lastFailureAt;
    private string? lastFailure;

    public Governor(PullThroughRule rule, TimeProvider time, MillpondMetrics metrics, ILogger log, CancellationToken stopping)
    {
        upstream = rule.UpstreamName;
        this.time = time;
        this.metrics = metrics;
        bodies = new PrioritySlots(rule.Limits.Fills);
        requests = new PrioritySlots(rule.Limits.Requests);
        budget = new RateBudget(time);
        breaker = new Breaker(time);
        probing = new Probing(breaker, upstream, ProbeAsync, time, log, stopping);
        backOffs = new BackOffs<string, Failure>(
            time, FirstBackOff, LongestBackOff, BackOffBytes, static (content, failure) => (content.Length + failure.Reason.Length) * sizeof(char));
        RefusedHeads = new RefusedHeads(time);
    }

    public bool IsOpen => breaker.IsOpen;

    /// <summary>Ends when the breaker is closed.</summary>
    public Task Closed => breaker.Closed;

    /// <summary>Whether the upstream has answered well since a time, and goes on to.</summary>
    public bool HasAnsweredSince(DateTimeOffset when)
    {
        lock (gate)
        {
            return lastSuccess > when && lastFailure is null && !IsOpen && !IsLow;
        }
    }

    /// <summary>What the last failure was, in words.</summary>
    public string LastFailure
    {
        get
        {
            lock (gate)
            {
                return lastFailure ?? "";
            }
        }
    }

    /// <summary>Requests and bodies that wait for a slot.</summary>
    public int Waiting => requests.Waiting + bodies.Waiting;

    /// <summary>Whether the upstream throttles, or says that little of its rate limit is left.</summary>
    public bool IsLow => budget.IsLow;

    /// <summary>Where this upstream refuses HEAD.</summary>
    public RefusedHeads RefusedHeads { get; }

    /// <summary>
    /// "Twice, 250 ms apart": once more where the first failure may have been a connection that the upstream had closed, or one bad server of
    /// many. What fails then is left alone for a while, it alone.
    /// </summary>
    /// <param name="inquiry">What is asked, over both tries.</param>
    /// <param name="ask">One try, which passes this governor.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async Task<UpstreamResult<T>> TwiceAsync<T>(Inquiry inquiry, Func<Task<UpstreamResult<T>>> ask, CancellationToken cancellationToken)
        where T : class
    {
        if (backOffs.Find(inquiry.Content) is { } failed)
        {
            return new UpstreamResult<T>(
                failed.Why.Outcome, null, $"{failed.Why.Reason}; it is asked for again in {Math.Ceiling(failed.Left.TotalSeconds)} s", failed.Left);
        }

        var result = await ask();
        if (result.Outcome.IsTransient() && !IsOpen && (inquiry.Left is not { } left || left > BetweenTries))
        {
            await Task.Delay(BetweenTries, time, cancellationToken);
            result = await ask();
        }

        if (!result.Outcome.IsTransient())
        {
            backOffs.Succeeded(inquiry.Content);
        }
        else if (!result.IsOfConnection)
        {
            // A failure of the connection is the breaker's matter.
            backOffs.Failed(inquiry.Content, new Failure(result.Outcome, result.Reason));
        }

        return result;
    }

    /// <summary>A manifest's GET: what registries with a pull limit count.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public Task<UpstreamResult<T>> AskForPullAsync<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, CancellationToken cancellationToken)
        where T : class => AskAsync(inquiry, request, spends: true, cancellationToken);

    /// <summary>A short request that costs nothing of a pull limit: checks, lists, proofs.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public Task<UpstreamResult<T>> AskAsync<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, CancellationToken cancellationToken)
        where T : class => AskAsync(inquiry, request, spends: false, cancellationToken);

    private async Task<UpstreamResult<T>> AskAsync<T>(
        Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, bool spends, CancellationToken cancellationToken)
        where T : class
    {
        if (Refuse(inquiry, request, throttleHolds: true) is { } refused)
        {
            return refused;
        }

        using var slot = await TakeAsync(requests, inquiry, cancellationToken);
        if (slot is null)
        {
            return NoTurn<T>();
        }

        if (Refuse(inquiry, request, throttleHolds: true) is { } refusedMeanwhile)
        {
            return refusedMeanwhile;
        }

        if (!spends)
        {
            return await SendAsync(inquiry, request, cancellationToken);
        }

        if (!budget.TrySpend(inquiry.Reason.IsBackground()))
        {
            return LimitIsLow<T>();
        }

        var isTold = false;
        try
        {
            var result = await SendAsync(inquiry, request, cancellationToken);
            isTold = result.RateLimit is not null;
            return result;
        }
        finally
        {
            budget.Spent(isTold);
        }
    }

    /// <summary>A body: the slot is held until the body is disposed.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async Task<UpstreamResult<BlobBody>> AskBodyAsync(
        Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<BlobBody>>> request, CancellationToken cancellationToken)
    {
        if (RefuseBody(inquiry, request) is { } refused)
        {
            return refused;
        }

        var slot = await TakeAsync(bodies, inquiry, cancellationToken);
        if (slot is null)
        {
            return NoTurn<BlobBody>();
        }

        try
        {
            var result = RefuseBody(inquiry, request) ?? await SendAsync(inquiry, request, cancellationToken);
            if (result.IsFound)
            {
                var body = result.Value;
                result = result with { Value = body with { Owner = new Both(body.Owner, slot) } };
                slot = null;
            }

            return result;
        }
        finally
        {
            slot?.Dispose();
        }
    }

    /// <summary>Something is wanted that is not asked for while the breaker is open; a probe may ask for it.</summary>
    public void Want<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request)
        where T : class => probing.Wanted(Probing.Question.Of(inquiry, request));

    /// <summary>A body that broke off, stalled, or was not what its digest says: it had an answer, so that only its own content is held responsible.</summary>
    public void BodyFailed(string why) => Remember(why);

    /// <summary>A body that came whole.</summary>
    public void BodyCame()
    {
        breaker.Answered();
        Remember(null);
    }

    public UpstreamState State(string rule)
    {
        var limit = budget.Last;
        lock (gate)
        {
            return new UpstreamState(
                rule, upstream, breaker.IsOpen ? BreakerState.Open : BreakerState.Closed, limit?.Limit, limit?.Remaining,
                budget.ThrottledUntil, lastSuccess, lastFailure, lastFailureAt, bodies.Taken, requests.Taken);
        }
    }

    /// <summary>A slot; null where the wait for it took too long.</summary>
    private async ValueTask<PrioritySlots.Slot?> TakeAsync(PrioritySlots slots, Inquiry inquiry, CancellationToken cancellationToken)
    {
        if (inquiry.QueuesFor is not { } patience)
        {
            return await slots.TakeAsync(() => inquiry.Asker, cancellationToken);
        }

        using var bound = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        try
        {
            return await slots.TakeAsync(() => inquiry.Asker, both.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<UpstreamResult<T>> SendAsync<T>(
        Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, CancellationToken cancellationToken)
        where T : class
    {
        if (inquiry.Left is not { } left)
        {
            return Note(inquiry, request, await request(cancellationToken));
        }

        var begun = time.GetTimestamp();
        using var bound = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, bound.Token);
        UpstreamResult<T> result;
        try
        {
            result = await request(both.Token);
        }
        catch (OperationCanceledException) when (bound.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            result = new UpstreamResult<T>(
                UpstreamOutcome.Timeout, null, $"{upstream} gave no answer for {inquiry.Within!.Value.TotalSeconds} s {inquiry.WithinWords}");
        }

        inquiry.Waited += time.GetElapsedTime(begun);
        return Note(inquiry, request, result);
    }

    /// <summary>Registries that count pulls count manifests; a throttled upstream's blobs may still come.</summary>
    private UpstreamResult<BlobBody>? RefuseBody(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<BlobBody>>> request) =>
        Refuse(inquiry, request, throttleHolds: inquiry.Reason.IsBackground());

    private UpstreamResult<T>? Refuse<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, bool throttleHolds)
        where T : class
    {
        if (breaker.IsOpen)
        {
            Want(inquiry, request);
            return new UpstreamResult<T>(
                UpstreamOutcome.Unreachable, null, $"{upstream} did not answer and is not asked until a probe finds it back: {LastFailure}",
                breaker.UntilProbe)
            {
                IsOfConnection = true,
            };
        }

        if (throttleHolds && budget.Throttled is { } wait)
        {
            return new UpstreamResult<T>(UpstreamOutcome.Throttled, null, $"{upstream} answered 429 and asked to be left alone for now", wait);
        }

        return inquiry.Reason.IsBackground() && budget.IsLow ? LimitIsLow<T>() : null;
    }

    private UpstreamResult<T> LimitIsLow<T>()
        where T : class => new(UpstreamOutcome.Throttled, null, $"{upstream}'s rate limit is nearly used up: background work waits");

    private UpstreamResult<T> NoTurn<T>()
        where T : class => new(
            UpstreamOutcome.Throttled, null, $"this cache asks {upstream} as much at once as the rule's limits allow; nothing came free in time");

    private UpstreamResult<T> Note<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request, UpstreamResult<T> result)
        where T : class
    {
        Count(inquiry.Reason, result);
        if (IsAnswer(result))
        {
            breaker.Answered();
            Remember(result.Outcome is UpstreamOutcome.Found or UpstreamOutcome.NotFound ? null : result.Reason);
            return result;
        }

        Remember(result.Reason);
        if (!inquiry.IsCounted)
        {
            inquiry.IsCounted = true;
            probing.Failed(Probing.Question.Of(inquiry, request));
            if (IsOfConnection(inquiry, result) ? breaker.NotReached() : breaker.NotAnswered(inquiry.Content))
            {
                probing.Start(LastFailure);
            }
        }

        return result;
    }

    /// <summary>An error is an answer too, and says that somebody is there.</summary>
    private static bool IsAnswer<T>(UpstreamResult<T> result)
        where T : class => result.Outcome is not (UpstreamOutcome.Timeout or UpstreamOutcome.Unreachable or UpstreamOutcome.TlsFailure);

    private static bool IsOfConnection<T>(Inquiry inquiry, UpstreamResult<T> result)
        where T : class =>
        result.IsOfConnection || result.Outcome == UpstreamOutcome.TlsFailure || inquiry.IsResume && result.Outcome == UpstreamOutcome.Unreachable;

    private async Task ProbeAsync(Probing.Question question, CancellationToken cancellationToken)
    {
        var inquiry = new Inquiry(question.Content, RequestReason.Probe) { Within = question.Within, IsCounted = true };
        await SendAsync(inquiry, question.AskAsync, cancellationToken);
    }

    private void Count<T>(RequestReason reason, UpstreamResult<T> result)
        where T : class
    {
        metrics.UpstreamRequest(upstream, LabelText.Of(reason), LabelText.Of(result.Outcome));
        budget.Learn(result.Outcome, result.RetryAfter, result.RateLimit);
    }

    private void Remember(string? failure)
    {
        lock (gate)
        {
            if (failure is null)
            {
                lastSuccess = time.GetUtcNow();
                lastFailure = null;
            }
            else
            {
                lastFailure = failure;
                lastFailureAt = time.GetUtcNow();
            }
        }
    }

    private sealed record Failure(UpstreamOutcome Outcome, string Reason);

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
