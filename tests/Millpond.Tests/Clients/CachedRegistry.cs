using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>A docker-registry with Millpond before it: one rule, <see cref="Prefix"/>, on the real clock.</summary>
internal sealed class CachedRegistry : IAsyncDisposable
{
    public const string Prefix = "real";

    private readonly TemporaryFolder folder;

    private CachedRegistry(DockerRegistry upstream, TemporaryFolder folder, MillpondHost millpond)
    {
        Upstream = upstream;
        this.folder = folder;
        Millpond = millpond;
    }

    public DockerRegistry Upstream { get; }

    public MillpondHost Millpond { get; }

    public Uri Address => Millpond.Address;

    /// <param name="upstream">Stopped with this.</param>
    /// <param name="change">What is special about the rule, whose upstream is called <see cref="ConnectProxy.HostBehind"/>; its files may be in that folder.</param>
    public static async Task<CachedRegistry> StartAsync(DockerRegistry upstream, Func<PullThroughRule, TemporaryFolder, PullThroughRule>? change = null)
    {
        var folder = new TemporaryFolder();
        var rule = MillpondHost.Rule(Prefix, upstream.Address) with { UpstreamName = ConnectProxy.HostBehind, Proxy = "none" };
        var millpond = await MillpondHost.StartAsync([change is null ? rule : change(rule, folder)], new MillpondHostOptions { Data = folder });
        return new CachedRegistry(upstream, folder, millpond);
    }

    public static async Task<CachedRegistry> StartAsync(Func<PullThroughRule, PullThroughRule>? change = null) =>
        await StartAsync(await DockerRegistry.StartAsync(), change is null ? null : (rule, _) => change(rule));

    /// <summary>The name under which a client with no mirror configuration pulls the image.</summary>
    public string NameOf(RealImage image) => $"{Address.Authority}/{image.Under(Prefix)}";

    public async ValueTask DisposeAsync()
    {
        // Shown only where the test has failed.
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', Millpond.Log.Lines));
        await Millpond.DisposeAsync();
        await Upstream.DisposeAsync();
        folder.Dispose();
    }
}
