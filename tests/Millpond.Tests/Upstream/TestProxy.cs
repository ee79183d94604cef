using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Millpond.Tests.Upstream;

/// <summary>A proxy that knows CONNECT only, takes every name for loopback, and remembers what it was asked.</summary>
internal sealed class TestProxy : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly string? authorization;

    /// <param name="authorization">What <c>Proxy-Authorization</c> must be; null where none is needed.</param>
    public TestProxy(string? authorization = null)
    {
        this.authorization = authorization;
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>The targets that tunnels were made to.</summary>
    public ConcurrentQueue<string> Tunnels { get; } = new();

    public void Dispose()
    {
        if (!stop.IsCancellationRequested)
        {
            stop.Cancel();
            listener.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptTcpClientAsync(stop.Token), stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client, CancellationToken cancellationToken)
    {
        using var _ = client;
        var stream = client.GetStream();
        try
        {
            while (await ReadHeadAsync(stream, cancellationToken) is { Length: > 0 } head)
            {
                var target = head.Split(' ')[1];
                if (authorization is not null && !head.Contains($"Proxy-Authorization: {authorization}\r\n", StringComparison.OrdinalIgnoreCase))
                {
                    await stream.WriteAsync("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"p\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), cancellationToken);
                    continue;
                }

                Tunnels.Enqueue(target);
                using var server = new TcpClient();
                await server.ConnectAsync(IPAddress.Loopback, int.Parse(target.Split(':')[1]), cancellationToken);
                await stream.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), cancellationToken);
                await Task.WhenAny(stream.CopyToAsync(server.GetStream(), cancellationToken), server.GetStream().CopyToAsync(stream, cancellationToken));
                return;
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // Either side has left.
        }
    }

    private static async Task<string> ReadHeadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, cancellationToken) == 1)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
