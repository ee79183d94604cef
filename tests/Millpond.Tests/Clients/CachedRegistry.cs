using Millpond.Server;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>A docker-registry with Millpond before it: one rule, <see cref="Prefix"/>, on the real clock.</summary>
internal sealed class CachedRegistry : IAsyncDisposable
{
    public const string Prefix = "real";

    private readonly TemporaryFolder folder;
    private readonly ServerHost millpond;

    private CachedRegistry(DockerRegistry upstream, TemporaryFolder folder, ServerHost millpond)
    {
        Upstream = upstream;
        this.folder = folder;
        this.millpond = millpond;
    }

    public DockerRegistry Upstream { get; }

    public Uri Address => millpond.Addresses[0];

    /// <param name="upstream">Stopped with this.</param>
    /// <param name="folder">Removed with this.</param>
    /// <param name="change">What is special about the rule; its upstream's name is <see cref="ConnectProxy.HostBehind"/>.</param>
    public static async Task<CachedRegistry> StartAsync(DockerRegistry upstream, TemporaryFolder folder, Func<PullThroughRule, PullThroughRule>? change = null)
    {
        var rule = new PullThroughRule { Prefix = Prefix, UpstreamName = ConnectProxy.HostBehind, Upstream = upstream.Address, Proxy = "none" };
        var configuration = new ServerConfiguration
        {
            Listen = [new Uri("http://127.0.0.1:0")],
            Data = folder.File("data"),
            Rules = [change is null ? rule : change(rule)],
        };
        return new CachedRegistry(upstream, folder, await ServerHost.StartAsync(configuration, TimeProvider.System, logging: null, CancellationToken.None));
    }

    public static async Task<CachedRegistry> StartAsync(Func<PullThroughRule, PullThroughRule>? change = null) =>
        await StartAsync(await DockerRegistry.StartAsync(), new TemporaryFolder(), change);

    /// <summary>The name under which a client with no mirror configuration pulls the image.</summary>
    public string NameOf(RealImage image) => $"{Address.Authority}/{image.Under(Prefix)}";

    public async ValueTask DisposeAsync()
    {
        await millpond.DisposeAsync();
        await Upstream.DisposeAsync();
        folder.Dispose();
    }
}
