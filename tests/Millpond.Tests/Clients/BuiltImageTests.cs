using System.Net;
using System.Text.RegularExpressions;
using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The image as a container runtime has it: without rights, without a shell, on a root that nobody can write.</summary>
[Trait("Category", "Heavy")]
public sealed partial class BuiltImageTests(BuiltImage image) : IClassFixture<BuiltImage>
{
    private const string Owner = "65532";

    [Fact]
    public async Task It_says_who_runs_it_what_it_listens_on_keeps_and_is()
    {
        await image.MadeAsync();
        var configuration = (await image.InspectAsync("image", BuiltImage.Name))["Config"]!;
        var version = VersionElement().Match(await File.ReadAllTextAsync(Path.Join(RequireClient.Repository, "Directory.Build.props"), TestContext.Current.CancellationToken)).Groups[1].Value;

        Assert.Equal($"{Owner}:{Owner}", (string?)configuration["User"]);
        Assert.Equal(["5000/tcp", "8443/tcp", "9090/tcp"], configuration["ExposedPorts"]!.AsObject().Select(port => port.Key).Order());
        Assert.Equal(["/data"], configuration["Volumes"]!.AsObject().Select(volume => volume.Key));
        Assert.Equal(
            ("/data", "SIGTERM", """["/opt/millpond/millpond"]""", """["serve"]"""),
            ((string?)configuration["WorkingDir"], (string?)configuration["StopSignal"], configuration["Entrypoint"]!.ToJsonString(), configuration["Cmd"]!.ToJsonString()));
        Assert.Equal(
            [("title", "Millpond"), ("description", "A pull-through cache for container images"), ("licenses", "Apache-2.0"), ("version", version)],
            ((string[])["title", "description", "licenses", "version"]).Select(label => (label, (string?)configuration["Labels"]![$"org.opencontainers.image.{label}"])));
        Assert.DoesNotContain(configuration["Env"]!.AsArray(), variable => ((string?)variable)!.StartsWith("MILLPOND", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_runs_on_a_base_with_nothing_in_it_but_libraries()
    {
        await image.MadeAsync();

        Assert.Matches(@"^\d+\.\d+\.\d+", (await image.RunAsync(["--rm"], "--version")).ShouldSucceed().Output);
        Assert.NotEqual(0, (await image.RunAsync(["--rm", "--entrypoint", "/bin/sh"], "-c", "true")).ExitCode);
    }

    [Fact]
    public async Task It_pulls_by_TLS_as_nobody_keeps_what_it_has_in_its_volume_and_stops_when_told()
    {
        await image.MadeAsync();
        using var certificates = new TestCertificates();
        using var trusted = new TemporaryFolder();
        await using var upstream = await DockerRegistry.StartAsync(certificates);
        var container = await image.StartAsync(
            ["--volume", $"{trusted.Write("ca.crt", certificates.AuthorityPem)}:/etc/ssl/certs/ca-certificates.crt:ro"],
            "serve", "--listen", "http://127.0.0.1:0", "--upstream", $"real=https://localhost:{upstream.Address.Port}");
        var first = await image.AddressAsync(container);
        var state = await image.InspectAsync("container", container);

        Assert.Equal("alive", (await GetAsync(first, "/healthz")).Text.Trim());
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(first, "/readyz")).Status);
        var (status, manifest) = await GetAsync(first, $"/v2/real/{RealImages.Single}/manifests/1");
        Assert.True(status == HttpStatusCode.OK, manifest);
        await CheckRightsAsync((long)state["State"]!["Pid"]!);
        var data = (string)state["Mounts"]!.AsArray().Single(mount => (string?)mount!["Destination"] == "/data")!["Source"]!;
        Assert.Equal(
            [$"{Owner}:{Owner}"],
            (await RunAsync("stat", ["-c", "%u:%g", data, Path.Join(data, "millpond-data"), Path.Join(data, "millpond-data", "catalog", "catalog.db")])).Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct());

        await StopAsync(container);
        await upstream.StopAsync();
        (await image.PodmanAsync("start", container)).ShouldSucceed();

        Assert.Equal((HttpStatusCode.OK, manifest), await GetAsync(await image.AddressAsync(container, start: 2), $"/v2/real/{RealImages.Single}/manifests/1"));
        await StopAsync(container);
    }

    [Fact]
    public async Task A_command_in_a_running_container_finds_the_data_folder_where_the_server_has_it()
    {
        await image.MadeAsync();
        var container = await image.StartAsync(
            ["--env", "MILLPOND__ADMISSION__REGISTRY=cache.corp.example"], "serve", "--listen", "http://127.0.0.1:0", "--admission", "https://127.0.0.1:0", "--self-signed");
        await image.AddressAsync(container, start: 2);

        var pem = (await image.PodmanAsync("exec", container, "/opt/millpond/millpond", "admission", "ca-bundle", "--pem")).ShouldSucceed().Output;

        Assert.StartsWith("-----BEGIN CERTIFICATE-----", pem, StringComparison.Ordinal);
        await StopAsync(container);
    }

    [Fact]
    public async Task A_volume_that_it_may_not_write_is_told_as_the_reason_not_to_start()
    {
        await image.MadeAsync();
        using var volume = new TemporaryFolder();

        var answer = await image.RunAsync(["--rm", "--volume", $"{volume.Path}:/data"], "serve", "--listen", "http://127.0.0.1:0");

        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("millpond cannot start:", answer.Errors, StringComparison.Ordinal);
        Assert.Contains("/data/millpond-data", answer.Errors, StringComparison.Ordinal);
    }

    [GeneratedRegex("<Version>(.+)</Version>")]
    private static partial Regex VersionElement();

    private static async Task CheckRightsAsync(long process)
    {
        var status = await File.ReadAllLinesAsync($"/proc/{process}/status", TestContext.Current.CancellationToken);
        Assert.Contains($"Uid:\t{Owner}\t{Owner}\t{Owner}\t{Owner}", status);
        Assert.Contains("CapEff:\t0000000000000000", status);
        Assert.Contains("NoNewPrivs:\t1", status);
        var mounts = await File.ReadAllLinesAsync($"/proc/{process}/mounts", TestContext.Current.CancellationToken);
        Assert.Contains(mounts.Select(line => line.Split(' ')), mount => mount[1] == "/" && mount[3].StartsWith("ro", StringComparison.Ordinal));
    }

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(Uri server, string path)
    {
        using var http = new HttpClient { Timeout = Patience.Limit };
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server, path));
        request.Headers.Add("Accept", RealImages.ManifestTypes);
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        using var client = new ClientProgram(program);
        return (await client.RunAsync(arguments)).ShouldSucceed().Output;
    }

    private async Task StopAsync(string container)
    {
        (await image.PodmanAsync("stop", "--time", "20", container)).ShouldSucceed();
        Assert.Equal(0, (int)(await image.InspectAsync("container", container))["State"]!["ExitCode"]!);
    }
}
