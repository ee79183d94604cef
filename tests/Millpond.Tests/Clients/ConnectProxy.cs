using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millpond.Tests.Clients;

/// <summary>A proxy that tunnels (CONNECT) and does nothing else. <see cref="HostBehind"/>, and what it is told, are names that only it can find.</summary>
internal sealed class ConnectProxy : IAsyncDisposable
{
    public const string HostBehind = "registry.test";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentQueue<string> requests = [];
    private readonly ConcurrentBag<Task> tunnels = [];
    private readonly Task accepting;
    private readonly IReadOnlyDictionary<string, Uri> routes;

    /// <param name="routes">Where hosts are, by their names.</param>
    public ConnectProxy(IReadOnlyDictionary<string, Uri>? routes = null)
    {
        this.routes = routes ?? new Dictionary<string, Uri>();
        listener.Start();
        accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>The first line of every request so far.</summary>
    public IReadOnlyCollection<string> Requests => requests;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(tunnels);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                tunnels.Add(TunnelAsync(await listener.AcceptSocketAsync(stopping.Token)));
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task TunnelAsync(Socket client)
    {
        using var near = new NetworkStream(client, ownsSocket: true);
        try
        {
            var line = await ReadHeadAsync(near);
            requests.Enqueue(line);
            if (line.Split(' ') is not ["CONNECT", var target, _] || target.Split(':') is not [var host, var port])
            {
                await near.WriteAsync("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), stopping.Token);
                return;
            }

            using var server = new TcpClient();
            var isKnown = routes.TryGetValue(host, out var route);
            await server.ConnectAsync(
                isKnown || host == HostBehind ? "127.0.0.1" : host, isKnown ? route!.Port : int.Parse(port, System.Globalization.CultureInfo.InvariantCulture), stopping.Token);
            await near.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), stopping.Token);
            await using var far = server.GetStream();
            await Task.WhenAny(near.CopyToAsync(far, stopping.Token), far.CopyToAsync(near, stopping.Token));
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
        {
            // Either end has gone; the other one sees its connection closed.
        }
    }

    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new List<byte>();
        var one = new byte[1];
        while (!Encoding.ASCII.GetString([.. head]).EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, stopping.Token);
            head.Add(one[0]);
        }

        var text = Encoding.ASCII.GetString([.. head]);
        return text[..text.IndexOf('\r', StringComparison.Ordinal)];
    }
}
