using System.Net;
using System.Net.Sockets;

namespace Millpond.Server.Upstream.Transport;

/// <summary>Connecting to one of several addresses as RFC 8305 has it: families take turns, and the next starts before the last has given up.</summary>
internal static class HappyEyeballs
{
    /// <summary>RFC 8305 §8, "Connection Attempt Delay".</summary>
    public static TimeSpan Stagger { get; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The addresses with the families taking turns, beginning with the resolver's first choice.</summary>
    public static IPAddress[] Interleave(IReadOnlyList<IPAddress> addresses)
    {
        if (addresses.Count == 0)
        {
            return [];
        }

        var first = addresses[0].AddressFamily;
        return
        [
            .. addresses.GroupBy(address => address.AddressFamily)
                .SelectMany(family => family.Select((address, place) => (address, place)))
                .OrderBy(item => item.place)
                .ThenBy(item => item.address.AddressFamily == first ? 0 : 1)
                .Select(item => item.address),
        ];
    }

    /// <summary>The first connection that comes about; the others are closed.</summary>
    /// <exception cref="SocketException">None came about: what the first one failed with.</exception>
    public static async Task<T> ConnectAsync<T>(
        IReadOnlyList<IPAddress> addresses, Func<IPAddress, CancellationToken, Task<T>> dial, TimeProvider time, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = new List<Task<T>>();
        Exception? failure = null;
        try
        {
            foreach (var address in Interleave(addresses))
            {
                running.Add(dial(address, stop.Token));
                if (await FirstAsync(running, Stagger, time, e => failure ??= e, cancellationToken) is { } connected)
                {
                    return connected;
                }
            }

            return await FirstAsync(running, Timeout.InfiniteTimeSpan, time, e => failure ??= e, cancellationToken)
                ?? throw failure ?? new SocketException((int)SocketError.HostNotFound);
        }
        finally
        {
            await stop.CancelAsync();
            running.ForEach(CloseWhenDone);
        }
    }

    /// <summary>The first of the running attempts that succeeds; null when all have failed, or one has, or the time is up and others may be tried.</summary>
    private static async Task<T?> FirstAsync<T>(
        List<Task<T>> running, TimeSpan within, TimeProvider time, Action<Exception> failed, CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var wait = Task.Delay(within, time, over.Token);
        try
        {
            while (running.Count > 0)
            {
                var done = await Task.WhenAny([.. running, wait]);
                if (done == wait)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    return null;
                }

                var attempt = (Task<T>)done;
                running.Remove(attempt);
                if (attempt.IsCompletedSuccessfully)
                {
                    return attempt.Result;
                }

                cancellationToken.ThrowIfCancellationRequested();
                failed(attempt.Exception?.InnerException ?? new SocketException((int)SocketError.OperationAborted));
                if (within != Timeout.InfiniteTimeSpan)
                {
                    return null;
                }
            }

            return null;
        }
        finally
        {
            await over.CancelAsync();
        }
    }

    private static void CloseWhenDone<T>(Task<T> attempt)
        where T : class, IDisposable =>
        _ = attempt.ContinueWith(
            static done =>
            {
                if (done.IsCompletedSuccessfully)
                {
                    done.Result.Dispose();
                }
                else
                {
                    _ = done.Exception; // seen
                }
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}
