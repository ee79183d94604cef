using Millpond.Tests.Fixtures;

namespace Millpond.Tests.Clients;

/// <summary>Clients that make images, or unpack them, push what they have made to a registry of our own and pull it again.</summary>
[Trait("Category", "Clients")]
public sealed class BuiltImagePushTests
{
    [Theory]
    [InlineData("oci", "gzip")]
    [InlineData("oci", "zstd")]
    [InlineData("docker", "gzip")]
    public async Task Buildah_and_podman_push_what_they_have_built(string format, string compression)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "buildah without a user namespace needs root");
        await using var millpond = await MillpondHost.StartAsync([]);
        using var buildah = new ClientProgram("buildah");
        using var podman = new ClientProgram("podman");
        string[] store = ["--root", buildah.File("root"), "--runroot", buildah.File("run"), "--storage-driver", "vfs"];
        await File.WriteAllBytesAsync(buildah.File("data"), TestBlob.Generated(77, 300_000).ToArray());
        var container = (await buildah.RunAsync([.. store, "from", "scratch"])).ShouldSucceed().Output.Trim();
        (await buildah.RunAsync([.. store, "copy", container, "data", "/data"])).ShouldSucceed();
        (await buildah.RunAsync([.. store, "commit", "--format", format, container, "built"])).ShouldSucceed();
        var first = $"{millpond.Address.Authority}/own/built:buildah";
        (await buildah.RunAsync([.. store, "push", "--tls-verify=false", "--format", Short(format), "--compression-format", compression, "built", $"docker://{first}"])).ShouldSucceed();

        // podman shares the storage: it pulls what buildah has pushed, and pushes it under another name.
        (await buildah.RunAsync([.. store, "rmi", "--all", "--force"])).ShouldSucceed();
        (await podman.RunAsync([.. store, "pull", "-q", "--tls-verify=false", first])).ShouldSucceed();
        var second = $"{millpond.Address.Authority}/own/again:podman";
        (await podman.RunAsync([.. store, "push", "-q", "--tls-verify=false", "--format", Short(format), first, second])).ShouldSucceed();
        (await podman.RunAsync([.. store, "rmi", "--all", "--force"])).ShouldSucceed();
        (await podman.RunAsync([.. store, "pull", "-q", "--tls-verify=false", second])).ShouldSucceed();
    }

    [Fact]
    public async Task Docker_pushes_and_pulls()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var docker = new ClientProgram("docker");
        await File.WriteAllTextAsync(docker.File("daemon.json"), "{}");
        await using var daemon = await Dockerd.StartAsync(docker.File("daemon.json"));
        docker.Environment["DOCKER_HOST"] = daemon.Address;
        (await docker.RunAsync("pull", "-q", registry.From("demo/single:1"))).ShouldSucceed();
        foreach (var name in (string[])["own/single:docker", "own/other:docker"])
        {
            (await docker.RunAsync("tag", registry.From("demo/single:1"), registry.To(name))).ShouldSucceed();
            (await docker.RunAsync("push", "-q", registry.To(name))).ShouldSucceed();
        }

        Assert.Equal(await registry.DigestAsync("own/single", "docker"), await registry.DigestAsync("own/other", "docker"));
        (await docker.RunAsync("rmi", "-f", registry.From("demo/single:1"), registry.To("own/single:docker"), registry.To("own/other:docker"))).ShouldSucceed();
        (await docker.RunAsync("pull", "-q", registry.To("own/other:docker"))).ShouldSucceed();
    }

    [Fact]
    public async Task Containerd_pushes_and_pulls()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var ctr = new ClientProgram("ctr");
        await using var containerd = await Containerd.StartAsync();
        Task<ClientAnswer> RunAsync(params string[] arguments) => ctr.RunAsync(["-a", containerd.Socket, "images", .. arguments]);
        var digest = await registry.Source.DigestOfAsync(new RealImage(RealImages.TwoPlatforms));
        (await RunAsync("pull", "--local", "--plain-http", "--all-platforms", "--snapshotter", "native", registry.From("demo/app:1"))).ShouldSucceed();
        (await RunAsync("push", "--local", "--plain-http", registry.To("own/app:ctr"), registry.From("demo/app:1"))).ShouldSucceed();
        Assert.Equal(digest, await registry.DigestAsync("own/app", "ctr"));
        await containerd.EmptyAsync();
        (await RunAsync("pull", "--local", "--plain-http", "--all-platforms", "--snapshotter", "native", registry.To("own/app:ctr"))).ShouldSucceed();
    }

    [Fact]
    public async Task What_umoci_has_changed_is_pushed_and_unpacked_again()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var umoci = new ClientProgram("umoci");
        using var skopeo = new ClientProgram("skopeo");
        var layout = umoci.File("layout");
        (await skopeo.RunAsync("copy", "-q", "--src-tls-verify=false", $"docker://{registry.From("demo/single:1")}", $"oci:{layout}:start")).ShouldSucceed();
        await File.WriteAllTextAsync(umoci.File("added"), "by umoci");
        (await umoci.RunAsync("insert", "--rootless", "--image", $"{layout}:start", "--tag", "changed", "added", "/opt/added")).ShouldSucceed();
        (await skopeo.RunAsync("copy", "-q", "--dest-tls-verify=false", $"oci:{layout}:changed", $"docker://{registry.To("own/changed:1")}")).ShouldSucceed();
        (await skopeo.RunAsync("copy", "-q", "--src-tls-verify=false", $"docker://{registry.To("own/changed:1")}", $"oci:{umoci.File("again")}:1")).ShouldSucceed();
        (await umoci.RunAsync("unpack", "--rootless", "--image", $"{umoci.File("again")}:1", "bundle")).ShouldSucceed();
        Assert.Equal("by umoci", await File.ReadAllTextAsync(umoci.File("bundle/rootfs/opt/added")));
    }

    private static string Short(string format) => format == "docker" ? "v2s2" : format;
}
