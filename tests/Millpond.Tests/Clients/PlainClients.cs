using System.Security.Cryptography;

namespace Millpond.Tests.Clients;

/// <summary>A client that is one program without a daemon.</summary>
internal abstract class PlainClient(string program) : ImageClient
{
    protected ClientProgram Program { get; } = new(program);

    protected static string FolderFor(RealImage image) => image.Repository.Replace('/', '-');

    public override Task RemoveCacheAsync()
    {
        Program.RemoveCache();
        return Task.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        Program.Dispose();
        return ValueTask.CompletedTask;
    }
}

internal sealed class Skopeo() : PlainClient("skopeo")
{
    private string? mirrorLocation;

    /// <summary>Sends an upstream's images to a mirror, as podman and CRI-O do; without this the registry is asked itself.</summary>
    public Skopeo WithMirror(string location)
    {
        mirrorLocation = location;
        return this;
    }

    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        await File.WriteAllTextAsync(Program.File("registries.conf"), mirrorLocation is null ? "" : $"""
            [[registry]]
            location = "{registry}"
            [[registry.mirror]]
            location = "{mirrorLocation}"
            insecure = true
            """);
        // Said on the command line, it would overrule what the file says of the mirror.
        string[] insecure = mirrorLocation is null ? ["--src-tls-verify=false"] : [];
        string[] copy = ["copy", "-q", "--all", "--preserve-digests", .. insecure, $"docker://{registry}/{image}", $"dir:{target}"];
        var answer = await Program.RunAsync(["--registries-conf", Program.File("registries.conf"), .. copy]);
        answer.ShouldSucceed();
        return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Program.File($"{target}/manifest.json"))))}";
    }
}

internal sealed class Crane() : PlainClient("crane")
{
    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        (await Program.RunAsync("pull", "--insecure", "--format=oci", $"{registry}/{image}", target)).ShouldSucceed();
        return FirstDigest(await File.ReadAllTextAsync(Program.File($"{target}/index.json")));
    }
}

/// <summary>Copies whole graphs: the index, its children, and what refers to any of them.</summary>
internal sealed class Oras() : PlainClient("oras")
{
    public override IReadOnlyList<RealImage> Images => [.. RealImages.Images, new(RealImages.Artifact)];

    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var target = FolderFor(image);
        var answer = await Program.RunAsync(
            "cp", "-r", "--no-tty", "--from-plain-http", $"{registry}/{image}", "--to-oci-layout", $"{target}:{image.Tag}");
        answer.ShouldSucceed();
        return FirstDigest(answer.Output);
    }

    /// <summary>How many things of that type refer to the image.</summary>
    public async Task<int> CountReferrersAsync(string image, string artifactType)
    {
        var answer = await Program.RunAsync("discover", "--plain-http", "--format=json", $"--artifact-type={artifactType}", image);
        answer.ShouldSucceed();
        return answer.Output.Split($"\"artifactType\": \"{artifactType}\"").Length - 1;
    }
}

internal sealed class Helm() : PlainClient("helm")
{
    public override IReadOnlyList<RealImage> Images => [new(RealImages.Chart, RealImages.ChartVersion)];

    public override async Task<string> PullAsync(string registry, RealImage image)
    {
        var answer = await Program.RunAsync("pull", "--plain-http", $"oci://{registry}/{image.Repository}", "--version", image.Tag);
        answer.ShouldSucceed();
        Assert.True(File.Exists(Program.File($"chart-{image.Tag}.tgz")), $"{answer}");
        return FirstDigest(answer.Output + answer.Errors);
    }
}
