using System.Collections.Immutable;
using Millpond.Server.Configuration;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>What clients show of an error is its message, or the words of its status line: they name the upstream, what was asked for, and the remedy.</summary>
[Trait("Category", "Clients")]
public sealed class ErrorMessageTests
{
    private const string Unreachable = "quay.example cannot be reached; nothing cached for prometheus/busybox";
    private const string Dormant = "docker.io is not set up on this server";
    private const string NoRule = "No rule of this server is for 'none/x'";

    // What comes before the image, for a pull over http without a daemon.
    private static readonly Dictionary<string, string[]> Pulls = new()
    {
        ["crane"] = ["manifest", "--insecure", ""],
        ["skopeo"] = ["inspect", "--tls-verify=false", "docker://"],
        ["podman"] = ["--root", "FOLDER/storage", "--runroot", "FOLDER/run", "--storage-driver", "vfs", "pull", "-q", "--tls-verify=false", ""],
        ["buildah"] = ["--root", "FOLDER/storage", "--runroot", "FOLDER/run", "--storage-driver", "vfs", "pull", "-q", "--tls-verify=false", ""],
        ["oras"] = ["manifest", "fetch", "--plain-http", ""],
    };

    private static readonly Dictionary<string, string> Images = new()
    {
        [Unreachable] = "quay/prometheus/busybox:latest",
        [Dormant] = "docker-hub/library/nginx:1",
        [NoRule] = "none/x:1",
    };

    [Theory]
    [InlineData("crane", Unreachable)]
    [InlineData("crane", Dormant)]
    [InlineData("crane", NoRule)]
    [InlineData("skopeo", Unreachable)]
    [InlineData("skopeo", Dormant)]
    [InlineData("skopeo", NoRule)]
    [InlineData("podman", Unreachable)]
    [InlineData("podman", Dormant)]
    [InlineData("podman", NoRule)]
    [InlineData("buildah", Unreachable)]
    [InlineData("buildah", Dormant)]
    [InlineData("buildah", NoRule)]
    [InlineData("oras", Unreachable)]
    [InlineData("oras", Dormant)]
    public async Task A_client_shows_whose_fault_it_is(string program, string message)
    {
        await using var millpond = await StartAsync();
        using var client = new ClientProgram(program);

        var pull = Pulls[program].Select(argument => argument.Replace("FOLDER", client.Folder, StringComparison.Ordinal)).ToArray();
        pull[^1] += $"{millpond.Address.Authority}/{Images[message]}";
        ShouldShow(message, await client.RunAsync(pull));
    }

    [Theory]
    [InlineData(Unreachable)]
    [InlineData(Dormant)]
    [InlineData(NoRule)]
    public async Task Containerd_shows_whose_fault_it_is(string message)
    {
        await using var millpond = await StartAsync();
        await using var containerd = await Containerd.StartAsync();
        using var ctr = new ClientProgram("ctr");

        ShouldShow(message, await ctr.RunAsync("--address", containerd.Socket, "images", "pull", "--local", "--plain-http", $"{millpond.Address.Authority}/{Images[message]}"));
    }

    [Theory]
    [InlineData(Unreachable)]
    [InlineData(Dormant)]
    [InlineData(NoRule)]
    public async Task Docker_shows_whose_fault_it_is(string message)
    {
        await using var millpond = await StartAsync();
        using var docker = new ClientProgram("docker");
        await using var dockerd = await Dockerd.StartAsync(await EmptyConfigurationAsync(docker));

        ShouldShow(message, await docker.RunAsync("-H", dockerd.Address, "pull", $"{millpond.Address.Authority}/{Images[message]}"));
    }

    private static Task<MillpondHost> StartAsync()
    {
        var rule = MillpondHost.Rule("quay", FakeUpstream.RefusedAddress) with { UpstreamName = "quay.example", Proxy = "none" };
        ImmutableArray<Preset> dormant = [.. Preset.All.Where(preset => preset.Prefix == "docker-hub")];
        return MillpondHost.StartAsync([rule], new MillpondHostOptions { AllowErrors = true, Configure = configuration => configuration with { DormantPresets = dormant } });
    }

    private static async Task<string> EmptyConfigurationAsync(ClientProgram client)
    {
        var file = client.File("daemon.json");
        await File.WriteAllTextAsync(file, "{}");
        return file;
    }

    private static void ShouldShow(string message, ClientAnswer answer)
    {
        Assert.NotEqual(0, answer.ExitCode);
        Assert.Contains(message, answer.Errors + answer.Output, StringComparison.Ordinal);
    }
}
