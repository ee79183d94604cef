using Microsoft.Extensions.Logging;
using Millpond.Server.Upstream;

namespace Millpond.Server.Governing;

/// <summary>
/// The background work that finds out when an upstream is back. It repeats what failed, because <c>/v2/</c> may well answer while manifests
/// hang, and in turn with that what was wanted meanwhile, because what failed may hang for ever where everything else is well.
/// </summary>
/// <param name="ask">Asks as the governor does, so that the answer is noted.</param>
internal sealed partial class Probing(
    Breaker breaker, string upstream, Func<Probing.Question, CancellationToken, Task> ask, TimeProvider time, ILogger log, CancellationToken stopping)
{
    private int running;
    private Question? failed;
    private Question? wanted;

    /// <summary>Something that got no answer.</summary>
    public void Failed(Question question)
    {
        failed = question;
        if (wanted?.Content == question.Content)
        {
            wanted = null;
        }
    }

    /// <summary>Something that is not asked while the breaker is open.</summary>
    public void Wanted(Question question)
    {
        if (question.Content != failed?.Content)
        {
            wanted = question;
        }
    }

    /// <summary>The breaker has opened.</summary>
    public void Start(string reason)
    {
        Log.Opened(log, upstream, reason);

        // A breaker that closed and opened again between two probes has its probing still.
        if (Interlocked.Exchange(ref running, 1) == 0)
        {
            _ = RunAsync();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            do
            {
                for (var round = 0; breaker.IsOpen; round++)
                {
                    await Task.Delay(breaker.NextProbeDelay(), time, stopping);
                    await ProbeAsync(round);
                }

                wanted = null;
                Log.Closed(log, upstream);
                Volatile.Write(ref running, 0);
            }
            while (breaker.IsOpen && Interlocked.Exchange(ref running, 1) == 0);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    private async Task ProbeAsync(int round)
    {
        if ((round % 2 == 1 ? wanted ?? failed : failed) is not { } question)
        {
            return;
        }

        try
        {
            await ask(question, stopping);
        }
        catch (Exception unexpected) when (!stopping.IsCancellationRequested)
        {
            // Whatever it is, the probing must go on: nothing else closes the breaker.
            Log.ProbeFailed(log, upstream, unexpected);
        }
    }

    /// <summary>A request that can be made again; what it gets is thrown away.</summary>
    internal sealed record Question(string Content, TimeSpan? Within, Func<CancellationToken, Task<UpstreamResult<object>>> AskAsync)
    {
        public static Question Of<T>(Inquiry inquiry, Func<CancellationToken, Task<UpstreamResult<T>>> request)
            where T : class => new(inquiry.Content, inquiry.Within, inquiry.Repeat ?? (async token =>
            {
                var result = await request(token);
                (result.Value as IDisposable)?.Dispose();
                return result.As<object>();
            }));
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Warning, "{Upstream} does not answer and is not asked until a probe finds it back; what is cached is served: {Reason}")]
        public static partial void Opened(ILogger logger, string upstream, string reason);

        [LoggerMessage(1002, LogLevel.Information, "{Upstream} answers again")]
        public static partial void Closed(ILogger logger, string upstream);

        [LoggerMessage(1003, LogLevel.Error, "{Upstream} could not be probed; it is tried again")]
        public static partial void ProbeFailed(ILogger logger, string upstream, Exception exception);
    }
}
