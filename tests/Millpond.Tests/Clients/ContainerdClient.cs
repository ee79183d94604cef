namespace Millpond.Tests.Clients;

/// <summary>containerd's ctr behind a hosts.toml that sends an upstream's images to a mirror.</summary>
internal sealed class ContainerdClient : ImageClient
{
    private readonly Containerd containerd;
    private readonly ClientProgram ctr = new("ctr");

    private string hosts;

    private ContainerdClient(Containerd containerd)
    {
        this.containerd = containerd;
        hosts = ctr.File("hosts");
    }

    /// <param name="hostsFolder">The folder of hosts.toml files, which others write.</param>
    public static async Task<ContainerdClient> StartAsync(string hostsFolder)
    {
        RequireClient.OrSkip("ctr");
        return new ContainerdClient(await Containerd.StartAsync()) { hosts = hostsFolder };
    }

    public static async Task<ContainerdClient> StartAsync(string upstreamHost, string host, bool overridePath)
    {
        RequireClient.OrSkip("ctr");
        var client = new ContainerdClient(await Containerd.StartAsync());
        client.WriteHosts(upstreamHost, host, overridePath);
        return client;
    }

    /// <summary>Here <paramref name="registry"/> is the upstream's own name; the mirror is in hosts.toml.</summary>
    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var reference = $"{registry}/{image}";
        // The local way takes --all-platforms and the snapshotter, so that every layer is unpacked as on a node.
        (await RunAsync("images", "pull", "--local", "--all-platforms", "--snapshotter", "native", "--hosts-dir", hosts, reference)).ShouldSucceed();
        var check = await RunAsync("images", "check", "--snapshotter", "native", $"name=={reference}");
        Assert.Contains("complete", check.ShouldSucceed().Output, StringComparison.Ordinal);
        var list = await RunAsync("images", "list", $"name=={reference}");
        return FirstDigest(list.ShouldSucceed().Output);
    }

    public override Task RemoveCacheAsync() => containerd.EmptyAsync();

    public override async ValueTask DisposeAsync()
    {
        await containerd.DisposeAsync();
        ctr.Dispose();
    }

    private void WriteHosts(string upstreamHost, string host, bool overridePath)
    {
        var folder = Directory.CreateDirectory(Path.Join(hosts, upstreamHost));
        File.WriteAllText(Path.Join(folder.FullName, "hosts.toml"), $"""
            server = "http://127.0.0.1:1"
            [host."{host}"]
            capabilities = ["pull", "resolve"]
            override_path = {(overridePath ? "true" : "false")}
            """);
    }

    private Task<ClientAnswer> RunAsync(params string[] arguments) => ctr.RunAsync(["--address", containerd.Socket, .. arguments]);
}
