using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>A docker daemon of one test, which only pulls: no bridge, no firewall rules, everything in a throwaway folder.</summary>
internal sealed class Dockerd : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private ServerProgram? server;

    public string Address => $"unix://{folder.File("d.sock")}";

    /// <param name="configuration">Its daemon.json.</param>
    public static async Task<Dockerd> StartAsync(string configuration)
    {
        var program = RequireClient.OrSkip("dockerd");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "dockerd runs as root only");
        var dockerd = new Dockerd();
        try
        {
            (dockerd.server, _) = await ServerProgram.StartAsync(program, dockerd.Arguments(configuration), "API listen on");
            return dockerd;
        }
        catch
        {
            await dockerd.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }

        // What a daemon that is killed leaves mounted.
        using var umount = new ClientProgram("umount");
        await umount.RunAsync("-q", "-l", folder.File("exec/netns/default"), folder.File("data"));
        folder.Dispose();
    }

    private string[] Arguments(string configuration) =>
    [
        "--config-file", configuration, "--data-root", folder.File("data"), "--exec-root", folder.File("exec"), "-p", folder.File("pid"), "-H", Address,
        "--storage-driver", "vfs", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false",
    ];
}
