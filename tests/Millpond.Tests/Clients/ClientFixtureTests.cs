using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>The real clients and the real registry without Millpond between them: what fails here is no fault of the cache.</summary>
[Trait("Category", "Clients")]
public sealed class ClientFixtureTests
{
    private static readonly RealImage single = new(RealImages.Single);

    public static TheoryData<string> Plain => ["skopeo", "crane", "oras"];

    [Theory]
    [MemberData(nameof(Plain))]
    public async Task A_plain_client_pulls_every_image_straight_from_the_registry(string name)
    {
        await using var registry = await DockerRegistry.StartAsync();
        await using ImageClient client = name switch
        {
            "skopeo" => new Skopeo(),
            "crane" => new Crane(),
            _ => new Oras(),
        };

        foreach (var image in client.Images)
        {
            Assert.Equal(await registry.DigestOfAsync(image), await client.PullAsync(registry.Address.Authority, image));
        }
    }

    [Fact]
    public async Task Helm_pulls_the_chart_straight_from_the_registry()
    {
        await using var registry = await DockerRegistry.StartAsync();
        await using var helm = new Helm();

        Assert.Equal(
            await registry.DigestOfAsync(helm.Images[0]),
            await helm.PullAsync(registry.Address.Authority, helm.Images[0]));
    }

    [Fact]
    public async Task Containerd_pulls_every_image_by_its_hosts_file_and_can_be_emptied()
    {
        await using var registry = await DockerRegistry.StartAsync();
        await using var client = await ContainerdClient.StartAsync(ConnectProxy.HostBehind, $"{registry.Address}", overridePath: false);

        foreach (var image in client.Images)
        {
            Assert.Equal(await registry.DigestOfAsync(image), await client.PullAsync(ConnectProxy.HostBehind, image));
        }

        await registry.StopAsync();
        await client.RemoveCacheAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => client.PullAsync(ConnectProxy.HostBehind, single));
    }

    [Fact]
    public async Task A_stopped_registry_comes_back_at_the_same_address()
    {
        await using var registry = await DockerRegistry.StartAsync();
        var address = registry.Address;
        var digest = await registry.DigestOfAsync(single);

        await registry.StopAsync();
        await Assert.ThrowsAsync<HttpRequestException>(() => registry.DigestOfAsync(single));
        await registry.RestartAsync();

        Assert.Equal(address, registry.Address);
        Assert.Equal(digest, await registry.DigestOfAsync(single));
    }

    [Fact]
    public async Task A_registry_behind_tls_and_password_is_reached_through_the_proxy_only_with_both()
    {
        using var certificates = new TestCertificates();
        await using var registry = await DockerRegistry.StartAsync(certificates, needsPassword: true);
        await using var proxy = new ConnectProxy();
        using var crane = new ClientProgram("crane");
        File.WriteAllText(crane.File("ca.pem"), certificates.AuthorityPem);
        var host = $"{ConnectProxy.HostBehind}:{registry.Address.Port}";

        Assert.NotEqual(0, (await crane.RunAsync("digest", $"{host}/{RealImages.Single}:1")).ExitCode);
        crane.Environment["SSL_CERT_FILE"] = crane.File("ca.pem");
        crane.Environment["https_proxy"] = $"{proxy.Address}";
        Assert.NotEqual(0, (await crane.RunAsync("digest", $"{host}/{RealImages.Single}:1")).ExitCode);
        (await crane.RunAsync("auth", "login", host, "-u", DockerRegistry.Username, "-p", DockerRegistry.Password)).ShouldSucceed();

        var answer = await crane.RunAsync("digest", $"{host}/{RealImages.Single}:1");
        Assert.Equal(await registry.DigestOfAsync(single), answer.ShouldSucceed().Output.Trim());
        Assert.Contains($"CONNECT {host} HTTP/1.1", proxy.Requests);
    }
}
