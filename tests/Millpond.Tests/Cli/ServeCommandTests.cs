using System.Net;
using System.Net.Sockets;
using Millpond.Cli;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

public sealed class ServeCommandTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_mistake_of_the_configuration_is_told_at_once()
    {
        var file = folder.Write("millpond.yaml", "listen: nowhere\nruels: []\n");
        var (code, error) = await RunAsync("--config", file, "--upstream", "up");
        Assert.Equal(2, code);
        Assert.Contains($"{file}:1: listen: ", error, StringComparison.Ordinal);
        Assert.Contains($"{file}:2: ruels: ", error, StringComparison.Ordinal);
        Assert.Contains("--upstream: ", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("data")));
    }

    [Fact]
    public async Task A_missing_file_is_a_mistake_and_not_a_default()
    {
        var (code, error) = await RunAsync("--config", folder.File("absent.yaml"));
        Assert.Equal(2, code);
        Assert.Contains("absent.yaml", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_in_use_is_another_exit_code()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var (code, error) = await RunAsync("--listen", $"http://{taken.LocalEndpoint}");
        Assert.Equal(1, code);
        Assert.StartsWith("millpond cannot start: Cannot listen on ", error, StringComparison.Ordinal);
        Assert.Single(error.Trim().Split('\n'));
        Assert.False(Directory.Exists(folder.File("data")));
    }

    [Fact]
    public async Task An_unknown_flag_is_refused() => Assert.NotEqual(0, (await RunAsync("--port", "5000")).Code);

    private async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        var all = arguments.Contains("--data") ? arguments : [.. arguments, "--data", folder.File("data")];
        var code = await ServeCommand.Create().Parse(all).InvokeAsync(new() { Error = error, Output = output, ProcessTerminationTimeout = null });
        return (code, error.ToString());
    }
}
