using System.Globalization;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>A containerd of one test: its content, state and socket are in a throwaway folder.</summary>
internal sealed class Containerd : IAsyncDisposable
{
    // A socket's path may have 107 bytes, so the folder's name is short.
    private readonly TemporaryFolder folder = new();
    private ServerProgram? server;

    public string Socket => folder.File("c.sock");

    public static async Task<Containerd> StartAsync()
    {
        var containerd = new Containerd();
        await containerd.StartServerAsync();
        return containerd;
    }

    /// <summary>Every image and layer is gone afterwards.</summary>
    public async Task EmptyAsync()
    {
        await server!.DisposeAsync();
        Directory.Delete(folder.File("root"), recursive: true);
        Directory.Delete(folder.File("state"), recursive: true);
        await StartServerAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }

        folder.Dispose();
    }

    private async Task StartServerAsync()
    {
        var configuration = folder.Write("config.toml", string.Create(CultureInfo.InvariantCulture, $"""
            version = 2
            root = "{folder.File("root")}"
            state = "{folder.File("state")}"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
            [grpc]
            address = "{Socket}"
            [ttrpc]
            address = "{folder.File("t.sock")}"
            """));
        (server, _) = await ServerProgram.StartAsync(RequireClient.OrSkip("containerd"), ["--config", configuration], "containerd successfully booted");
    }
}
