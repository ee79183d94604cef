using System.Text.Json.Nodes;

namespace Millpond.Tests.Clients;

/// <summary>Clients that copy whole images push to a registry of our own, copy within it, list it and delete from it.</summary>
[Trait("Category", "Clients")]
public sealed class PushTests
{
    private const string Sbom = "application/vnd.example.sbom";

    private static readonly RealImage[] Every = [.. RealImages.Images, new(RealImages.Artifact), new(RealImages.Chart, RealImages.ChartVersion)];

    [Fact]
    public async Task Skopeo_copies_lists_and_deletes()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var skopeo = new ClientProgram("skopeo");
        string[] copy = ["copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
        foreach (var image in RealImages.Images)
        {
            (await skopeo.RunAsync([.. copy, $"docker://{registry.From($"{image}")}", $"docker://{registry.To($"own/{image}")}"])).ShouldSucceed();
            Assert.Equal(await registry.Source.DigestOfAsync(image), await registry.DigestAsync($"own/{image.Repository}", image.Tag));
            (await skopeo.RunAsync([.. copy, $"docker://{registry.To($"own/{image}")}", $"docker://{registry.To($"other/{image}")}"])).ShouldSucceed();
            Assert.Equal(await registry.Source.DigestOfAsync(image), await registry.DigestAsync($"other/{image.Repository}", image.Tag));
        }

        var tags = (await skopeo.RunAsync("list-tags", "--tls-verify=false", $"docker://{registry.To("own/demo/single")}")).ShouldSucceed();
        Assert.Equal(["1"], JsonNode.Parse(tags.Output)!["Tags"]!.AsArray().Select(tag => (string?)tag));
        (await skopeo.RunAsync("delete", "--tls-verify=false", $"docker://{registry.To("own/demo/single:1")}")).ShouldSucceed();
        Assert.NotEqual(0, (await skopeo.RunAsync("inspect", "--tls-verify=false", $"docker://{registry.To("own/demo/single:1")}")).ExitCode);
        (await skopeo.RunAsync("inspect", "--tls-verify=false", $"docker://{registry.To("other/demo/single:1")}")).ShouldSucceed();
    }

    [Fact]
    public async Task Crane_copies_pushes_tags_lists_and_deletes()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var crane = new ClientProgram("crane");
        foreach (var image in Every)
        {
            (await crane.RunAsync("copy", "--insecure", registry.From($"{image}"), registry.To($"own/{image}"))).ShouldSucceed();
            Assert.Equal(await registry.Source.DigestOfAsync(image), await registry.DigestAsync($"own/{image.Repository}", image.Tag));
        }

        (await crane.RunAsync("copy", "--insecure", registry.To("own/demo/app:1"), registry.To("own/copy:latest"))).ShouldSucceed();
        (await crane.RunAsync("pull", "--insecure", "--format=oci", registry.To("own/demo/app:1"), "layout")).ShouldSucceed();
        (await crane.RunAsync("push", "--insecure", "--index", "layout", registry.To("pushed/app:again"))).ShouldSucceed();
        Assert.Equal(await registry.DigestAsync("own/demo/app", "1"), await registry.DigestAsync("own/copy", "latest"));
        (await crane.RunAsync("tag", "--insecure", registry.To("own/copy:latest"), "second")).ShouldSucceed();
        Assert.Equal("latest\nsecond\n", (await crane.RunAsync("ls", "--insecure", registry.To("own/copy"))).ShouldSucceed().Output);
        var catalog = (await crane.RunAsync("catalog", "--insecure", registry.Host)).ShouldSucceed();
        Assert.All((string[])["own/copy", "own/demo/app", "pushed/app"], name => Assert.Contains(name, catalog.Output.Split('\n')));
        (await crane.RunAsync("validate", "--insecure", "--remote", registry.To("own/demo/single:1"))).ShouldSucceed();

        (await crane.RunAsync("delete", "--insecure", registry.To("own/copy:second"))).ShouldSucceed();
        Assert.False(await registry.HasAsync("own/copy", "second"));
        Assert.True(await registry.HasAsync("own/copy", "latest"));
        var digest = await registry.DigestAsync("own/copy", "latest");
        (await crane.RunAsync("delete", "--insecure", registry.To($"own/copy@{digest}"))).ShouldSucceed();
        Assert.False(await registry.HasAsync("own/copy", "latest"));
        Assert.True(await registry.HasAsync("own/demo/app", digest));
    }

    [Fact]
    public async Task Oras_copies_whole_graphs_attaches_discovers_and_deletes()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var oras = new ClientProgram("oras");
        string[] copy = ["cp", "-r", "--no-tty", "--from-plain-http", "--to-plain-http"];
        foreach (var image in Every)
        {
            (await oras.RunAsync([.. copy, registry.From($"{image}"), registry.To($"own/{image}")])).ShouldSucceed();
            Assert.Equal(await registry.Source.DigestOfAsync(image), await registry.DigestAsync($"own/{image.Repository}", image.Tag));
        }

        Assert.Equal(1, await CountAsync(oras, registry.To("own/demo/app:1"), Sbom));
        await File.WriteAllTextAsync(oras.File("note.txt"), "a note");
        (await oras.RunAsync("push", "--no-tty", "--plain-http", "--artifact-type", "application/vnd.example.note", registry.To("own/note:1,2"), "note.txt:text/plain")).ShouldSucceed();
        (await oras.RunAsync("attach", "--no-tty", "--plain-http", "--artifact-type", Sbom, registry.To("own/demo/app:1"), "note.txt:text/plain")).ShouldSucceed();
        (await oras.RunAsync("attach", "--no-tty", "--plain-http", "--artifact-type", Sbom, registry.To("own/note:1"), "note.txt:text/plain")).ShouldSucceed();
        Assert.Equal(2, await CountAsync(oras, registry.To("own/demo/app:1"), Sbom));
        Assert.Equal("1\n2\n", (await oras.RunAsync("repo", "tags", "--plain-http", registry.To("own/note"))).ShouldSucceed().Output);

        // No tag that stands for referrers: the registry has said that it keeps them itself.
        Assert.Equal("1\n", (await oras.RunAsync("repo", "tags", "--plain-http", registry.To("own/demo/app"))).ShouldSucceed().Output);
        (await oras.RunAsync([.. copy, registry.To("own/note:1"), registry.To("elsewhere/note:3")])).ShouldSucceed();
        Assert.Equal(1, await CountAsync(oras, registry.To("elsewhere/note:3"), Sbom));
        (await oras.RunAsync("manifest", "delete", "--plain-http", "--force", registry.To("own/note:1"))).ShouldSucceed();
        Assert.False(await registry.HasAsync("own/note", "2"));
        Assert.True(await registry.HasAsync("elsewhere/note", "3"));
    }

    [Fact]
    public async Task Oras_pushes_fetches_and_deletes_single_blobs()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var oras = new ClientProgram("oras");
        await File.WriteAllTextAsync(oras.File("blob"), "some bytes");
        var pushed = (await oras.RunAsync("blob", "push", "--plain-http", "--no-tty", "--descriptor", registry.To("own/blobs"), "blob")).ShouldSucceed();
        var digest = (string)JsonNode.Parse(pushed.Output)!["digest"]!;
        var target = registry.To($"own/blobs@{digest}");
        Assert.Equal("some bytes", (await oras.RunAsync("blob", "fetch", "--plain-http", "--output", "-", target)).ShouldSucceed().Output);
        (await oras.RunAsync("blob", "delete", "--plain-http", "--force", target)).ShouldSucceed();
        Assert.NotEqual(0, (await oras.RunAsync("blob", "fetch", "--plain-http", "--output", "-", target)).ExitCode);
    }

    [Fact]
    public async Task Helm_pushes_a_chart_and_pulls_it()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var helm = new ClientProgram("helm");
        (await helm.RunAsync("create", "pond")).ShouldSucceed();
        (await helm.RunAsync("package", "pond")).ShouldSucceed();
        (await helm.RunAsync("push", "--plain-http", "pond-0.1.0.tgz", $"oci://{registry.To("charts")}")).ShouldSucceed();
        var chart = await File.ReadAllBytesAsync(helm.File("pond-0.1.0.tgz"));
        File.Delete(helm.File("pond-0.1.0.tgz"));
        (await helm.RunAsync("pull", "--plain-http", $"oci://{registry.To("charts/pond")}", "--version", "0.1.0")).ShouldSucceed();
        Assert.Equal(chart, await File.ReadAllBytesAsync(helm.File("pond-0.1.0.tgz")));
        Assert.Contains("name: pond", (await helm.RunAsync("show", "chart", "--plain-http", $"oci://{registry.To("charts/pond")}")).ShouldSucceed().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cosign_signs_and_verifies_in_both_ways()
    {
        await using var registry = await OwnRegistry.StartAsync();
        using var crane = new ClientProgram("crane");
        (await crane.RunAsync("copy", "--insecure", registry.From("demo/app:1"), registry.To("own/app:1"))).ShouldSucceed();
        using var cosign = new ClientProgram("cosign");
        cosign.Environment["COSIGN_PASSWORD"] = "test";
        (await cosign.RunAsync("generate-key-pair")).ShouldSucceed();
        await File.WriteAllTextAsync(cosign.File("signing.json"), (await cosign.RunAsync("signing-config", "create")).ShouldSucceed().Output);
        var image = registry.To($"own/app@{await registry.DigestAsync("own/app", "1")}");
        string[] sign = ["sign", "-y", "--key", "cosign.key", "--allow-http-registry"];
        string[] verify = ["verify", "--key", "cosign.pub", "--insecure-ignore-tlog", "--allow-http-registry"];
        Assert.NotEqual(0, (await cosign.RunAsync([.. verify, image])).ExitCode);

        (await cosign.RunAsync([.. sign, "--signing-config", "signing.json", image])).ShouldSucceed();
        (await cosign.RunAsync([.. verify, "--new-bundle-format=true", image])).ShouldSucceed();
        Assert.Equal("1\n", (await crane.RunAsync("ls", "--insecure", registry.To("own/app"))).ShouldSucceed().Output);
        (await cosign.RunAsync([.. sign, "--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false", image])).ShouldSucceed();
        (await cosign.RunAsync([.. verify, "--new-bundle-format=false", image])).ShouldSucceed();
    }

    private static async Task<int> CountAsync(ClientProgram oras, string image, string artifactType)
    {
        var answer = (await oras.RunAsync("discover", "--plain-http", "--format=json", $"--artifact-type={artifactType}", image)).ShouldSucceed();
        return answer.Output.Split($"\"artifactType\": \"{artifactType}\"").Length - 1;
    }
}
