using System.CommandLine;
using Millpond.Cli;
using Millpond.Images;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Cli;

/// <summary>Verbs that write registries' names down ask the server which there are.</summary>
public sealed class AskedServerTests : IAsyncDisposable
{
    private readonly TemporaryFolder folder = new();
    private FakeUpstream upstream = null!;
    private MillpondHost host = null!;

    private string Server => host.Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask DisposeAsync()
    {
        folder.Dispose();
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Theory]
    [InlineData("crio")]
    [InlineData("podman")]
    [InlineData("registries-conf")]
    public async Task No_host_is_written_that_the_server_would_refuse(string format)
    {
        await StartAsync();
        var file = folder.File("50.conf");
        var run = await RunAsync(MirrorCommand.Create(), format, "--server", Server, "--file", file);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        var written = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Contains($"prefix = \"{upstream.Address.Authority}\"", written, StringComparison.Ordinal);
        Assert.DoesNotContain("ghcr.io", written, StringComparison.Ordinal);
        Assert.DoesNotContain("docker.io", written, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("has no credential for ghcr", "--tiers", "ghcr")]
    [InlineData("has no such rule", "--upstream", "gcr=gcr.io")]
    public async Task What_the_server_would_refuse_is_told_and_not_written(string message, params string[] options)
    {
        await StartAsync();
        var run = await RunAsync(MirrorCommand.Create(), ["containerd", "--server", Server, "--dir", folder.File("certs.d"), .. options]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("certs.d")));
    }

    [Fact]
    public async Task The_endpoint_is_written_and_the_server_asked()
    {
        await StartAsync();
        var run = await RunAsync(MirrorCommand.Create(), "containerd", "--server", Server, "--endpoint", "http://cache.corp.example:5000", "--dir", folder.File("certs.d"));
        Assert.Equal(0, run.ExitCode);
        var hosts = await File.ReadAllTextAsync(folder.File($"certs.d/{upstream.Address.Authority}/hosts.toml"), TestContext.Current.CancellationToken);
        Assert.Contains("http://cache.corp.example:5000", hosts, StringComparison.Ordinal);
        Assert.Contains($"server = \"{upstream.Address.GetLeftPart(UriPartial.Authority)}\"", hosts, StringComparison.Ordinal);
        Assert.DoesNotContain(Server, hosts, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dockers_endpoint_is_one_of_the_rule_and_the_rule_is_there()
    {
        await StartAsync();
        var file = folder.File("daemon.json");
        Assert.Contains("--endpoint URL", (await RunAsync(MirrorCommand.Create(), "docker", "--server", Server, "--file", file)).Error, StringComparison.Ordinal);
        var run = await RunAsync(MirrorCommand.Create(), "docker", "--server", Server, "--endpoint", "http://cache.corp.example:5001", "--file", file);
        Assert.Contains("no rule for Docker Hub", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named_with_the_way_without_it()
    {
        await StartAsync();
        var gone = Server;
        await host.DisposeAsync();
        var run = await RunAsync(MirrorCommand.Create(), "containerd", "--server", gone, "--dir", folder.File("certs.d"));
        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"--endpoint {gone}", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_says_what_it_really_did()
    {
        await StartAsync();
        var dir = folder.File("certs.d");
        string[] remove = ["containerd", "--remove", "--dir", dir];
        Assert.Equal($"{dir}: millpond has written nothing there\n", (await RunAsync(MirrorCommand.Create(), remove)).Output);
        Directory.CreateDirectory(folder.File("certs.d/quay.io"));
        var quay = folder.Write("certs.d/quay.io/hosts.toml", "server = \"https://quay.io\"\n");
        await RunAsync(MirrorCommand.Create(), "containerd", "--endpoint", "http://c.example:5000", "--dir", dir);
        var k8s = folder.File("certs.d/registry.k8s.io/hosts.toml");
        var dry = await RunAsync(MirrorCommand.Create(), [.. remove, "--print"]);
        Assert.Contains($"{quay}: would be put back as it was before\n", dry.Output, StringComparison.Ordinal);
        Assert.Contains($"{k8s}: would be removed\n", dry.Output, StringComparison.Ordinal);
        var run = await RunAsync(MirrorCommand.Create(), remove);
        Assert.Contains($"{quay}: put back as it was before\n", run.Output, StringComparison.Ordinal);
        Assert.Contains($"{k8s}: removed; there was none before\n", run.Output, StringComparison.Ordinal);

        await RunAsync(MirrorCommand.Create(), "containerd", "--endpoint", "http://c.example:5000", "--dir", dir, "--tiers", "k8s");
        File.Delete(k8s);
        Assert.Contains("was gone already", (await RunAsync(MirrorCommand.Create(), remove)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Locals_have_the_rules_of_a_server_or_its_file()
    {
        await StartAsync();
        var run = await RunAsync(LocalsCommand.Create(), "--server", Server, "--registry", "cache.example.com", "--format", "env");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("REGISTRY_QUAY=cache.example.com/quay\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("REGISTRY_GHCR=ghcr.io\n", run.Output, StringComparison.Ordinal);

        var config = folder.Write("millpond.yaml", "publicUrl: https://mill.example\nrules:\n- {prefix: hub, upstream: docker.io, anonymous: true}\n- {prefix: ghcr, anonymous: true}\n");
        run = await RunAsync(LocalsCommand.Create(), "--config", config, "--format", "env");
        Assert.Contains("REGISTRY_DOCKER_HUB=mill.example/hub\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("REGISTRY_GHCR=mill.example/ghcr\n", run.Output, StringComparison.Ordinal);
        Assert.Contains("REGISTRY_GITLAB=registry.gitlab.com\n", run.Output, StringComparison.Ordinal);
    }

    private async Task StartAsync()
    {
        upstream = await FakeUpstream.StartAsync();
        var presets = Preset.All.Where(preset => preset.Tier == Tier.Default)
            .Select(preset => new PullThroughRule { Prefix = preset.Prefix, UpstreamName = preset.UpstreamName, Upstream = preset.Upstream, Tier = preset.Tier });
        host = await MillpondHost.StartAsync(
            [MillpondHost.Rule("up", upstream), .. presets],
            new() { Configure = configuration => configuration with { DormantPresets = [.. Preset.All.Where(preset => preset.Tier == Tier.OptIn)] } });
    }

    private static async Task<CommandRun> RunAsync(Command verb, params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await new RootCommand { verb }.Parse([verb.Name, .. arguments]).InvokeAsync(new() { Output = output, Error = error }, TestContext.Current.CancellationToken);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
