using Microsoft.Extensions.Logging;
using Millpond.Server.Configuration;
using Millpond.Server.Telemetry;
using Millpond.Server.Upstream;

namespace Millpond.Server.Cache;

/// <summary>
/// Between the cache and one upstream with one credential: slots, rate limit, breaker, and the count of every request by reason.
/// Token requests pass below it and take no slot, else a request that holds one could wait for another.
/// </summary>
internal sealed partial class Governor
{
    private readonly Func<CancellationToken, Task<UpstreamResult<object>>> ping;
    private readonly string upstream;
    private readonly TimeProvider time;
    private readonly MillpondMetrics metrics;
    private readonly ILogger log;
    private readonly CancellationToken stopping;
    private readonly PrioritySlots bodies;
    private readonly PrioritySlots requests;
    private readonly RateBudget budget;
    private readonly Breaker breaker;
    private readonly Lock gate = new();
    private int probing;
    private DateTimeOffset? lastSuccess;
    private DateTimeOffset? lastFailureAt;
    private string? lastFailure;

    /// <param name="ping">Asks the upstream something that costs nothing, for the breaker's probe.</param>
    public Governor(
        Func<CancellationToken, Task<UpstreamResult<object>>> ping, PullThroughRule rule, TimeProvider time, MillpondMetrics metrics, ILogger log,
        CancellationToken stopping)
    {
        this.ping = ping;
        upstream = rule.UpstreamName;
        this.time = time;
        this.metrics = metrics;
        this.log = log;
        this.stopping = stopping;
        bodies = new PrioritySlots(rule.Limits.Fills);
        requests = new PrioritySlots(rule.Limits.Requests);
        budget = new RateBudget(time);
        breaker = new Breaker(time);
    }

    public bool IsOpen => breaker.IsOpen;

    /// <summary>Ends when the breaker is closed.</summary>
    public Task Closed => breaker.Closed;

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

    /// <summary>Whether the upstream throttles, or says that little of its rate limit is left.</summary>
    public bool IsLow => budget.IsLow;

    /// <summary>A manifest's GET: what registries with a pull limit count.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public Task<UpstreamResult<T>> AskForPullAsync<T>(
        RequestReason reason, Func<CancellationToken, Task<UpstreamResult<T>>> request, CancellationToken cancellationToken)
        where T : class => AskAsync(reason, request, spends: true, cancellationToken);

    /// <summary>A short request that costs nothing of a pull limit: checks, lists, proofs.</summary>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public Task<UpstreamResult<T>> AskAsync<T>(
        RequestReason reason, Func<CancellationToken, Task<UpstreamResult<T>>> request, CancellationToken cancellationToken)
        where T : class => AskAsync(reason, request, spends: false, cancellationToken);

    private async Task<UpstreamResult<T>> AskAsync<T>(
        RequestReason reason, Func<CancellationToken, Task<UpstreamResult<T>>> request, bool spends, CancellationToken cancellationToken)
        where T : class
    {
        if (Refuse<T>(reason, throttleHolds: true) is { } refused)
        {
            return refused;
        }

        using var slot = await TakeAsync(requests, () => reason, cancellationToken);
        if (Refuse<T>(reason, throttleHolds: true) is { } refusedMeanwhile)
        {
            return refusedMeanwhile;
        }

        if (!spends)
        {
            return Note(reason, await request(cancellationToken));
        }

        if (!budget.TrySpend(reason.IsBackground()))
        {
            return LimitIsLow<T>();
        }

        var isTold = false;
        try
        {
            var result = Note(reason, await request(cancellationToken));
            isTold = result.RateLimit is not null;
            return result;
        }
        finally
        {
            budget.Spent(isTold);
        }
    }

    /// <summary>A body: the slot is held until the body is disposed. Waits for a slot as long as it takes: bodies are long.</summary>
    /// <param name="reasonNow">Why, asked again while it waits.</param>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="OperationCanceledException">The caller's token.</exception>
    public async Task<UpstreamResult<BlobBody>> AskBodyAsync(
        Func<RequestReason> reasonNow, Func<CancellationToken, Task<UpstreamResult<BlobBody>>> request, CancellationToken cancellationToken)
    {
        if (RefuseBody(reasonNow()) is { } refused)
        {
            return refused;
        }

        var slot = await TakeAsync(bodies, reasonNow, cancellationToken);
        try
        {
            var reason = reasonNow();
            var result = RefuseBody(reason) ?? Note(reason, await request(cancellationToken));
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

    /// <summary>A request that was given up because a bound of the cache's own ran out. One that still waited for its turn says nothing of the upstream.</summary>
    public UpstreamResult<T> TimedOut<T>(RequestReason reason, string why, OperationCanceledException? cause = null)
        where T : class => cause is NoTurnException
            ? new UpstreamResult<T>(UpstreamOutcome.Throttled, null, $"this cache asks {upstream} as much at once as the rule's limits allow; nothing came free in time")
            : Note(reason, new UpstreamResult<T>(UpstreamOutcome.Timeout, null, why));

    /// <summary>A body that broke off, stalled, or was not what its digest says.</summary>
    public void BodyFailed(string why)
    {
        Remember(why);
        if (breaker.Failed())
        {
            StartProbing();
        }
    }

    /// <summary>A body that came whole.</summary>
    public void BodyCame()
    {
        breaker.Succeeded();
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

    private static async ValueTask<PrioritySlots.Slot> TakeAsync(PrioritySlots slots, Func<RequestReason> reasonNow, CancellationToken cancellationToken)
    {
        try
        {
            return await slots.TakeAsync(() => (int)reasonNow(), cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new NoTurnException(cancellationToken);
        }
    }

    /// <summary>Registries that count pulls count manifests; a throttled upstream's blobs may still come.</summary>
    private UpstreamResult<BlobBody>? RefuseBody(RequestReason reason) => Refuse<BlobBody>(reason, throttleHolds: reason.IsBackground());

    private UpstreamResult<T>? Refuse<T>(RequestReason reason, bool throttleHolds)
        where T : class
    {
        if (breaker.IsOpen && reason != RequestReason.Probe)
        {
            return new UpstreamResult<T>(
                UpstreamOutcome.Unreachable, null, $"{upstream} has failed twice in a row and is not asked until a probe finds it back: {LastFailure}",
                breaker.UntilProbe);
        }

        if (throttleHolds && budget.Throttled is { } wait)
        {
            return new UpstreamResult<T>(UpstreamOutcome.Throttled, null, $"{upstream} answered 429 and asked to be left alone for now", wait);
        }

        return reason.IsBackground() && budget.IsLow ? LimitIsLow<T>() : null;
    }

    private UpstreamResult<T> LimitIsLow<T>()
        where T : class => new(UpstreamOutcome.Throttled, null, $"{upstream}'s rate limit is nearly used up: background work waits");

    private UpstreamResult<T> Note<T>(RequestReason reason, UpstreamResult<T> result)
        where T : class
    {
        metrics.UpstreamRequest(upstream, LabelText.Of(reason), LabelText.Of(result.Outcome));
        budget.Learn(result.Outcome, result.RetryAfter, result.RateLimit);
        if (result.Outcome is UpstreamOutcome.Timeout or UpstreamOutcome.ServerError or UpstreamOutcome.Unreachable or UpstreamOutcome.TlsFailure)
        {
            Remember(result.Reason);
            if (breaker.Failed())
            {
                StartProbing();
            }
        }
        else
        {
            breaker.Succeeded();
            Remember(result.Outcome is UpstreamOutcome.Found or UpstreamOutcome.NotFound ? null : result.Reason);
        }

        return result;
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

    private void StartProbing()
    {
        Log.BreakerOpened(log, upstream, LastFailure);

        // A breaker that closed and opened again between two probes has its probing still.
        if (Interlocked.Exchange(ref probing, 1) == 0)
        {
            _ = ProbeUntilBackAsync();
        }
    }

    private async Task ProbeUntilBackAsync()
    {
        try
        {
            do
            {
                while (breaker.IsOpen)
                {
                    await Task.Delay(breaker.NextProbeDelay(), time, stopping);
                    await ProbeAsync();
                }

                Log.BreakerClosed(log, upstream);
                Volatile.Write(ref probing, 0);
            }
            while (breaker.IsOpen && Interlocked.Exchange(ref probing, 1) == 0);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    private async Task ProbeAsync()
    {
        try
        {
            Note(RequestReason.Probe, await ping(stopping));
        }
        catch (Exception unexpected) when (!stopping.IsCancellationRequested)
        {
            // Whatever it is, the probing must go on: nothing else closes the breaker.
            Log.ProbeFailed(log, upstream, unexpected);
            Remember(unexpected.Message);
        }
    }

    /// <summary>Given up before any slot was free.</summary>
    private sealed class NoTurnException(CancellationToken cancellationToken) : OperationCanceledException(cancellationToken);

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Warning, "{Upstream} failed twice in a row and is not asked until a probe finds it back; what is cached is served: {Reason}")]
        public static partial void BreakerOpened(ILogger logger, string upstream, string reason);

        [LoggerMessage(1002, LogLevel.Information, "{Upstream} answers again")]
        public static partial void BreakerClosed(ILogger logger, string upstream);

        [LoggerMessage(1003, LogLevel.Error, "{Upstream} could not be probed; it is tried again")]
        public static partial void ProbeFailed(ILogger logger, string upstream, Exception exception);
    }
}
