using System.Net;
using System.Net.Sockets;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Operations;

public sealed class ConnectionLimitTests
{
    [Fact]
    public async Task One_connection_too_many_is_closed_and_operations_are_answered_all_the_same()
    {
        await using var millpond = await MillpondHost.StartAsync(
            [], new() { Configure = configuration => configuration with { Connections = 2, OperationsListen = [new("http://127.0.0.1:0")] } });
        var first = await OpenAsync(millpond.Address.Port);
        using var second = await OpenAsync(millpond.Address.Port);

        Assert.True(await IsRefusedAsync(millpond.Address.Port));

        var metrics = await millpond.Client.GetStringAsync(new Uri(millpond.Server.OperationsAddresses[0], "/metrics"));
        Assert.Contains("millpond_connections{} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("millpond_connections_refused_total{} 1\n", metrics, StringComparison.Ordinal);
        Assert.Single(millpond.Log.Lines, line => line.Message.Contains("limits.connections", StringComparison.Ordinal));

        // One that ends makes room; the server hears of it in its own time.
        first.Dispose();
        await AskAgainAsync(millpond.Address.Port);
    }

    [Fact]
    public async Task Each_listener_has_as_many()
    {
        await using var upstream = await FakeUpstream.StartAsync();
        await using var millpond = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream)],
            new() { Configure = configuration => configuration with { Connections = 1, Listeners = [new(new("http://127.0.0.1:0"), "up")] } });
        using var main = await OpenAsync(millpond.Address.Port);
        using var own = await OpenAsync(millpond.Server.RuleAddresses[0].Port);
        Assert.True(await IsRefusedAsync(millpond.Address.Port));
    }

    private static async Task<TcpClient> OpenAsync(int port)
    {
        var client = await ConnectAsync(port);
        Assert.False(await IsClosedAsync(client));
        return client;
    }

    private static async Task AskAgainAsync(int port)
    {
        while (await IsRefusedAsync(port))
        {
        }
    }

    private static async Task<bool> IsRefusedAsync(int port)
    {
        try
        {
            using var client = await ConnectAsync(port);
            return await IsClosedAsync(client);
        }
        catch (SocketException)
        {
            // Closed by the server as fast as it was opened.
            return true;
        }
    }

    private static async Task<TcpClient> ConnectAsync(int port)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        return client;
    }

    private static async Task<bool> IsClosedAsync(TcpClient client)
    {
        try
        {
            await client.GetStream().WriteAsync("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            return await client.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Patience.Limit) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }
}
