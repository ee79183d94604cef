using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Millpond.Server.Registry.Sending;

namespace Millpond.Server.Registry;

/// <summary>
/// Drops a peer that takes nothing for minutes. Where the connection can tell, judged by what the peer has acknowledged; else by whole flushes, and
/// generously: a full socket buffer of 4 MB wakes the sender only when a third of it is free, which takes an honest reader at 5 KB/s more than
/// four minutes.
/// </summary>
/// <param name="output">What can tell; null where the connection cannot.</param>
internal sealed class PeerWatch(HttpContext context, SocketOutput? output, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private ITimer? timer;
    private long acknowledged;

    /// <summary>Sends what was written; true where the peer is gone.</summary>
    public ValueTask<bool> FlushAsync(PipeWriter writer)
    {
        var flush = writer.FlushAsync(CancellationToken.None);
        return flush.IsCompletedSuccessfully ? new(IsGone(flush.Result)) : AwaitAsync(flush);
    }

    public void Dispose() => timer?.Dispose();

    private static bool IsGone(FlushResult result) => result.IsCompleted || result.IsCanceled;

    private async ValueTask<bool> AwaitAsync(ValueTask<FlushResult> flush)
    {
        acknowledged = output?.Acknowledged ?? 0;
        timer ??= time.CreateTimer(static state => ((PeerWatch)state!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(Patience, Timeout.InfiniteTimeSpan);
        try
        {
            return IsGone(await flush);
        }
        finally
        {
            timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private void Look()
    {
        if (output?.Acknowledged is { } now && now != acknowledged)
        {
            acknowledged = now;
            timer!.Change(Patience, Timeout.InfiniteTimeSpan);
            return;
        }

        context.Abort();
    }
}
