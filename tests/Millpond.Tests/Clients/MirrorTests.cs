using System.Net;
using Millpond.Cli;
using Millpond.Server.Configuration;
using Millpond.Tests.Cli;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Files that <c>millpond mirror</c> has written, read by the runtimes they are for: references stay, and pulls go through the cache.</summary>
[Trait("Category", "Clients")]
public sealed class MirrorTests : IAsyncDisposable
{
    private const string TheirHosts = "# theirs\r\nserver = \"https://other.example\"";
    private const string TheirDaemon = "{\"shutdown-timeout\":   7}";

    private static readonly RealImage image = new(RealImages.Single);

    private readonly TemporaryFolder folder = new();
    private DockerRegistry upstream = null!;
    private MillpondHost millpond = null!;

    [Theory]
    [InlineData("ns", true)]
    [InlineData("prefix", true)]
    [InlineData("ns", false)]
    [InlineData("prefix", false)]
    public async Task Containerd_asks_the_cache_and_when_it_is_gone_the_upstream_only_as_told(string form, bool fallBack)
    {
        await StartAsync();
        var certs = folder.File("certs.d");
        var hosts = Path.Join(Directory.CreateDirectory(Path.Join(certs, upstream.Address.Authority)).FullName, "hosts.toml");
        await File.WriteAllTextAsync(hosts, TheirHosts);
        Mirror(["containerd", "--dir", certs, "--form", form, .. ServerOptions, .. fallBack ? (string[])[] : ["--no-fallback"]]);
        await using var containerd = await ContainerdClient.StartAsync(certs);
        var digest = await upstream.DigestOfAsync(image);

        Assert.Equal(digest, await containerd.PullAsync(upstream.Address.Authority, image));
        await ShouldBeCachedAsync("up");
        await millpond.DisposeAsync();
        await containerd.RemoveCacheAsync();
        if (fallBack)
        {
            Assert.Equal(digest, await containerd.PullAsync(upstream.Address.Authority, image));
        }
        else
        {
            await Assert.ThrowsAnyAsync<Exception>(() => containerd.PullAsync(upstream.Address.Authority, image));
        }

        Mirror("containerd", "--dir", certs, "--remove");
        Assert.Equal(TheirHosts, await File.ReadAllTextAsync(hosts));
        Assert.Equal([hosts], Directory.GetFiles(certs, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("skopeo", true)]
    [InlineData("skopeo", false)]
    [InlineData("podman", true)]
    [InlineData("podman", false)]
    [InlineData("buildah", true)]
    [InlineData("buildah", false)]
    public async Task A_client_of_registries_conf_asks_the_cache_and_when_it_is_gone_the_upstream_only_as_told(string name, bool fallBack)
    {
        using var client = new ClientProgram(name);
        await StartAsync();
        var file = client.File(".config/containers/registries.conf.d/50-millpond.conf");
        Mirror(["registries-conf", "--file", file, .. ServerOptions, .. fallBack ? (string[])[] : ["--no-fallback"]]);

        // The cache's plain http is in the file; that of the registry behind is not, and is said only when it is asked itself.
        (await PullAsync(client, name, "true")).ShouldSucceed();
        await ShouldBeCachedAsync("up");
        await millpond.DisposeAsync();
        var again = await PullAsync(client, name, "false");
        Assert.True(again.ExitCode == 0 == fallBack, $"{again}");

        Mirror("registries-conf", "--file", file, "--remove");
        Assert.False(Directory.Exists(client.File(".config")));
    }

    [Fact]
    public async Task Docker_asks_the_listener_of_the_rule_for_Docker_Hub()
    {
        using var docker = new ClientProgram("docker");
        await StartAsync();
        var daemon = folder.Write("daemon.json", TheirDaemon);
        Mirror("docker", "--file", daemon, "--endpoint", $"{millpond.Server.RuleAddresses[0]}");
        await using (var dockerd = await Dockerd.StartAsync(daemon))
        {
            (await docker.RunAsync("-H", dockerd.Address, "pull", $"{image}")).ShouldSucceed();
            await ShouldBeCachedAsync("docker-hub");
            var listed = await docker.RunAsync("-H", dockerd.Address, "images", "--digests", "--no-trunc");
            Assert.Contains(await upstream.DigestOfAsync(image), listed.ShouldSucceed().Output, StringComparison.Ordinal);
        }

        Mirror("docker", "--file", daemon, "--remove");
        Assert.Equal(TheirDaemon, await File.ReadAllTextAsync(daemon));
        Assert.Equal([daemon], Directory.GetFiles(folder.Path, "daemon.json*"));
    }

    public async ValueTask DisposeAsync()
    {
        if (millpond is not null)
        {
            await millpond.DisposeAsync();
        }

        if (upstream is not null)
        {
            await upstream.DisposeAsync();
        }

        folder.Dispose();
    }

    private string[] ServerOptions => ["--endpoint", millpond.Address.GetLeftPart(UriPartial.Authority), "--upstream", $"up={upstream.Address.GetLeftPart(UriPartial.Authority)}"];

    private static void Mirror(params string[] arguments)
    {
        var run = CommandRun.Of(MirrorCommand.Create(), arguments);
        Assert.True(run.ExitCode == 0, $"{run}");
    }

    private async Task StartAsync()
    {
        upstream = await DockerRegistry.StartAsync();
        var rule = MillpondHost.Rule("up", upstream.Address) with { Proxy = "none" };
        millpond = await MillpondHost.StartAsync(
            [rule, rule with { Prefix = "docker-hub", UpstreamName = "docker.io", Anonymous = true }],
            new MillpondHostOptions { Configure = configuration => configuration with { Listeners = [new RuleListener(new("http://127.0.0.1:0"), "docker-hub")] } });
    }

    private Task<ClientAnswer> PullAsync(ClientProgram client, string name, string verify)
    {
        var reference = $"docker://{upstream.Address.Authority}/{image}";
        // Each pull into a storage of its own.
        var storage = client.File($"storage-{verify}");
        string[] trust = verify == "true" ? [] : [name == "skopeo" ? "--src-tls-verify=false" : "--tls-verify=false"];
        return name == "skopeo"
            ? client.RunAsync(["copy", "-q", .. trust, reference, $"dir:{storage}"])
            : client.RunAsync(["--root", storage, "--runroot", $"{storage}-run", "--storage-driver", "vfs", "pull", "-q", .. trust, reference]);
    }

    private async Task ShouldBeCachedAsync(string prefix)
    {
        using var answer = await millpond.ManifestAsync($"{prefix}/{image.Repository}", image.Tag, cacheControl: "only-if-cached");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
